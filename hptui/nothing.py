"""Nothing to do: for where somebody may be told, or may object, and nobody is there."""

from __future__ import annotations


def do_nothing(*_: object) -> None:
    """Do nothing, whatever is told."""
