"""Widgets that panes and screens are made of. Most stand on Textual's line API: they draw line by line, and only
lines that changed. `table_model` and `log_window` are what such a widget shows, without Textual."""
