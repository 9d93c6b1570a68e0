"""Sizes of files as people say them."""

from __future__ import annotations

PREFIXES = ("K", "M", "G", "T")


def in_bytes(size: float) -> str:
    """A size as people say it: 340 KB, 12 MB, 2.3 GB."""
    if size < 1000:
        return f"{size:.0f} B"
    for prefix in PREFIXES:
        size /= 1000
        if size < 999.5 or prefix == PREFIXES[-1]:
            break
    return f"{size:.1f} {prefix}B" if size < 9.95 else f"{size:.0f} {prefix}B"
