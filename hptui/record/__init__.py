"""What is on the disk: all that the training side and the reading side both know."""
