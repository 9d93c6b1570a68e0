"""What an export can be asked for: names alone, so that a wrong one is told before matplotlib is imported."""

from __future__ import annotations

from typing import Literal

from hptui.errors import UsageError, nearest

ThemeName = Literal["light", "dark"]
Format = Literal["png", "svg", "pdf", "csv", "tensorboard", "gif"]
FORMATS: tuple[Format, ...] = ("png", "svg", "pdf", "csv", "tensorboard", "gif")
PICTURE_FORMATS: tuple[Format, ...] = ("png", "svg", "pdf")


def parse_formats(text: str) -> tuple[Format, ...]:
    """The formats of a list with commas, each once, in the order of FORMATS.

    Raises:
        UsageError: a name is unknown, or there is none.
    """
    asked = [name for name in (part.strip().lower() for part in text.split(",")) if name]
    for name in asked:
        if name not in FORMATS:
            raise UsageError(f"--format: unknown format {name!r}.{nearest(name, FORMATS)}")
    if not asked:
        raise UsageError(f"--format: no format is named. Known: {', '.join(FORMATS)}.")
    return tuple(name for name in FORMATS if name in asked)
