"""The commands, one function each: from flags to what the other files of the command line do."""
