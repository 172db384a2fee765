"""Theory without synthesis: the smallest graphs of a width and depth, records, and the truth at small widths."""
