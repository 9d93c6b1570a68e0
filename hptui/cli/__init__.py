"""The command line: the only place where training, screen and export meet."""
