"""Names and messages that come from files, as they may stand on a screen."""

from __future__ import annotations

import textwrap

from hptui.ui.drawing.colours import Palette


def literal(text: str, palette: Palette | None = None) -> str:
    """`text` without what a terminal would obey: control characters, and bytes that are no text.

    With a palette that shows only ASCII, without other signs too.
    """
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    if palette is None or not palette.ascii:
        return shown
    return "".join(sign if sign.isascii() else "?" for sign in shown)


def in_the_middle(text: str, width: int, height: int) -> list[str]:
    """As many lines as there are, with `text`, wrapped, in the middle of them."""
    wrapped = textwrap.wrap(literal(text), max(width - 2, 1))
    above = max((height - len(wrapped)) // 2, 0)
    lines = ["", *([""] * above), *(line.center(width).rstrip() for line in wrapped), *([""] * height)]
    return lines[1 : height + 1]
