"""What the exit code of a command says."""

from __future__ import annotations

DONE, FAILED, USAGE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
"""all done; failed; not to be done as asked; stopped and resumable; left at once"""
