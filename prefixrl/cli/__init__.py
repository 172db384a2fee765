"""The command line: thin; it parses, calls the package and prints."""
