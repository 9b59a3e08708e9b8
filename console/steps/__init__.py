"""One file per step kind; the index below has one line each."""
