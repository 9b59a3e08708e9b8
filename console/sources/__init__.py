"""One file per data source; the index below has one line each."""
