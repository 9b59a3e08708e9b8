"""File formats: Markdown checklists."""
