"""The last look at every line before it goes to the terminal: nothing a terminal would obey, and ASCII if asked for."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

PLACEHOLDER = "\U0010eeee"
"""a cell of an image: it obeys nothing, and says nothing without the number that its colour is"""
_LIKE = {
    "-": "─━╸═╌╍┄┅—–",
    "|": "│┃║▏▎▍▌▋▊▉▐▕",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛╞╡╪",
    "#": "█▓▄▅▆▇■▪",
    "_": "▁▂▃",
    ":": "░▒",
    "^": "↑▲▴▔▀",
    "v": "↓▼▾✓✔",
    "<": "←◀◂⌫",
    ">": "→▶▸►⏵❯🔎",
    "x": "×✗✕",
    "o": "●○•",
    "@": "◆◇",
    ".": "·…",
    "~": "⏎",
    "*": "".join(map(chr, range(0x2801, 0x2900))),  # braille, of which charts are made
}
"""signs that hptui, Textual and plotext draw with, by what stands for them"""
_LOOKALIKES = {sign: plain for plain, signs in _LIKE.items() for sign in signs}


class PlainLines(LineFilter):
    """Applied to whatever any widget draws, so that no name from a file, and no widget of a library, is forgotten."""

    def __init__(self, *, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 (as the base class)
        if all(self._may_pass(segment.text) for segment in segments):
            return segments
        return [Segment(self._plain(text), style, control) for text, style, control in segments]

    def _may_pass(self, text: str) -> bool:
        return text.isprintable() and (not self._ascii or text.isascii())

    def _plain(self, text: str) -> str:
        if self._may_pass(text):
            return text
        return "".join(_sign(sign, self._ascii) for sign in text)


@lru_cache(4096)
def _sign(sign: str, ascii: bool) -> str:
    """A sign of ASCII in its place, and as wide as it is."""
    if not sign.isprintable() and sign != PLACEHOLDER:
        return "?" * cell_len(sign)
    if not ascii or sign.isascii():
        return sign
    return _LOOKALIKES.get(sign, "?" * cell_len(sign)).ljust(cell_len(sign))
