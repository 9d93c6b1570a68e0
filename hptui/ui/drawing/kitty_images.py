"""Images by Kitty's graphics protocol: sent once, and then shown wherever their placeholder characters stand.

https://sw.kovidgoyal.net/kitty/graphics-protocol, "Unicode placeholders": cells like any others, so that Textual moves,
covers and clears an image as it does text. Kitty and Ghostty know them.

The terminal is not asked. What it answers over a slow line comes when Textual reads already, and Textual 8.2 takes the
answer for keys: `i`, `6`, `[`, `?`. textual-image asks when it is imported, waits for a tenth of a second at most, and
takes typed keys along; so it is not used here, and a terminal that is known by its name alone is one that can.
"""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.image_cells import image_cells
from hptui.ui.drawing.plain_lines import PLACEHOLDER

if TYPE_CHECKING:
    from hptui.ui.drawing.image_cells import Pixels

VARIABLE = "HPTUI_GRAPHICS"
"""of the environment: `kitty` or `blocks`, whatever the terminal is called"""
TERMINALS = ("xterm-kitty", "xterm-ghostty")
MULTIPLEXERS = ("tmux", "screen")
NUMBERS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363\u0364"
    "\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487\u0592\u0593\u0594"
    "\u0595\u0597\u0598\u0599\u059c\u059d\u059e\u059f\u05a0\u05a1\u05a8\u05a9\u05ab\u05ac\u05af\u05c4\u0610\u0611\u0612"
    "\u0613\u0614\u0615\u0616\u0617\u0657\u0658\u0659\u065a\u065b\u065d\u065e\u06d6\u06d7\u06d8\u06d9\u06da\u06db\u06dc"
    "\u06df\u06e0\u06e1\u06e2\u06e4\u06e7\u06e8\u06eb\u06ec\u0730\u0732\u0733\u0735\u0736\u073a\u073d\u073f\u0740\u0741"
    "\u0743\u0745\u0747\u0749\u074a\u07eb\u07ec\u07ed\u07ee\u07ef\u07f0\u07f1\u07f3\u0816\u0817\u0818\u0819\u081b\u081c"
    "\u081d\u081e\u081f\u0820\u0821\u0822\u0823\u0825\u0826\u0827\u0829\u082a\u082b\u082c"
)
"""signs above a placeholder that number its row and its column, from 0 on"""
MOST_NUMBER = 0xFFFFFF
"""of an image: a foreground colour holds it"""
CHUNK = 4096
"""characters of one message"""


def shows_kitty_images(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal shows them, by its name; within tmux or screen it does not."""
    wish = environment.get(VARIABLE, "")
    if wish in ("kitty", "blocks"):
        return wish == "kitty"
    name = environment.get("TERM", "")
    if "TMUX" in environment or "STY" in environment or name.startswith(MULTIPLEXERS):
        return False
    return name in TERMINALS or "KITTY_WINDOW_ID" in environment or environment.get("TERM_PROGRAM") == "ghostty"


class KittyImages:
    """Images that were sent to the terminal; each is sent once, until all are forgotten."""

    def __init__(self, write: Callable[[str], object]) -> None:
        """Write to the terminal by `write`."""
        self._write = write
        self._last = int.from_bytes(os.urandom(3), "big")
        """number of the image before; those of another program in this terminal are others, most likely"""
        self._sent: dict[tuple[bytes, int, int], int] = {}

    def draw(self, pixels: Pixels, columns: int, rows: int, palette: Palette) -> list[Strip]:
        """Lines of placeholders for an image (C, H, W); half blocks where it takes more cells than can be numbered."""
        if max(columns, rows) > len(NUMBERS) or not palette.colour or palette.ascii:
            return image_cells(pixels, columns, rows, palette)
        key = (pixels.tobytes(), columns, rows)
        if key not in self._sent:
            self._last = self._last % MOST_NUMBER + 1
            self._sent[key] = self._last
            self._write("".join(_transmission(pixels, self._last, columns, rows)))
        number = self._sent[key]
        style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
        return [
            Strip([Segment("".join(f"{PLACEHOLDER}{row}{column}" for column in NUMBERS[:columns]), style)], columns)
            for row in NUMBERS[:rows]
        ]

    def forget(self) -> None:
        """Have the terminal free the images that were sent."""
        for number in self._sent.values():
            self._write(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\")
        self._sent.clear()


def _transmission(pixels: Pixels, number: int, columns: int, rows: int) -> Iterator[str]:
    """Messages that send an image as compressed RGB and place it in so many cells; none is answered (q=2)."""
    import numpy as np

    height, width = pixels.shape[1:]
    colours = np.ascontiguousarray(np.broadcast_to(pixels, (3, height, width)).transpose(1, 2, 0))
    data = base64.standard_b64encode(zlib.compress(colours.tobytes())).decode("ascii")
    pieces = [data[begin : begin + CHUNK] for begin in range(0, len(data), CHUNK)]
    head = f"a=T,U=1,q=2,f=24,o=z,s={width},v={height},i={number},c={columns},r={rows},"
    for index, piece in enumerate(pieces):
        yield f"\x1b_G{head if index == 0 else 'q=2,'}m={int(index < len(pieces) - 1)};{piece}\x1b\\"
