"""One run, step by step: decisions, records, checkpoints, and what the outside asks for."""
