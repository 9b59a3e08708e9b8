"""One file per pane; the index below has one line each."""
