"""From the record to numbers: the state of runs and studies, what views show, and comparisons. No screen, no torch."""
