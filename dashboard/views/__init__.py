"""One file per page, named like its menu entry: layout and wiring only."""
