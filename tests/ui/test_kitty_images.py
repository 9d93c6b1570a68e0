"""Images by Kitty's protocol, read back as a terminal does; and which terminals are sent any."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np
import pytest
from rich.segment import Segment
from textual.color import Color

from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.kitty_images import NUMBERS, KittyImages, shows_kitty_images
from hptui.ui.drawing.plain_lines import PLACEHOLDER, PlainLines

MESSAGE = re.compile("\x1b_G([^;\x1b]*)(?:;([A-Za-z0-9+/=]*))?\x1b\\\\")


def received(sent: list[str]) -> dict[int, tuple[dict[str, str], np.ndarray]]:
    """What a terminal holds after these writes, by number; it would answer none of them."""
    held: dict[int, tuple[dict[str, str], str]] = {}
    number = 0
    assert MESSAGE.sub("", "".join(sent)) == ""
    for head, data in MESSAGE.findall("".join(sent)):
        keys = dict(pair.split("=") for pair in head.split(","))
        assert keys["q"] == "2"
        assert len(data) <= 4096
        if keys.get("a") == "d":
            del held[int(keys["i"])]
        elif keys.get("a") == "T":
            number = int(keys["i"])
            held[number] = (keys, data)
        else:
            held[number] = (held[number][0], held[number][1] + data)
    images = {}
    for number, (keys, data) in held.items():
        raw = np.frombuffer(zlib.decompress(base64.b64decode(data)), np.uint8)
        images[number] = (keys, raw.reshape(int(keys["v"]), int(keys["s"]), 3))
    return images


@pytest.mark.parametrize("shape", [(1, 28, 20), (3, 128, 128)])
def test_an_image_is_sent_once_and_stands_where_its_placeholders_are(shape: tuple[int, int, int]) -> None:
    sent: list[str] = []
    kitty = KittyImages(sent.append)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    lines = kitty.draw(pixels, 20, 10, Palette())
    assert lines == kitty.draw(pixels, 20, 10, Palette())
    ((number, (keys, image)),) = received(sent).items()
    assert len(sent) == 1
    assert (keys["U"], keys["c"], keys["r"]) == ("1", "20", "10")
    assert np.array_equal(image, np.broadcast_to(pixels, (3, *shape[1:])).transpose(1, 2, 0))
    assert [line.cell_length for line in lines] == [20] * 10
    for row, line in enumerate(lines):
        (segment,) = line
        assert segment.text == "".join(f"{PLACEHOLDER}{NUMBERS[row]}{NUMBERS[column]}" for column in range(20))
        assert segment.style is not None
        assert segment.style.color is not None
        red, green, blue = segment.style.color.triplet  # type: ignore[misc]
        assert red << 16 | green << 8 | blue == number
    other = kitty.draw(255 - pixels, 20, 10, Palette())
    assert other != lines
    assert len(received(sent)) == 2
    kitty.forget()
    assert received(sent) == {}


def test_rows_and_columns_have_different_signs() -> None:
    assert len(set(NUMBERS)) == len(NUMBERS) == 128
    assert NUMBERS.isprintable()


def test_without_colour_and_with_too_many_cells_there_are_characters() -> None:
    sent: list[str] = []
    kitty, pixels = KittyImages(sent.append), np.zeros((1, 4, 4), np.uint8)
    for palette, columns in ((Palette(colour=False), 4), (Palette(ascii=True), 4), (Palette(), 129)):
        assert PLACEHOLDER not in kitty.draw(pixels, columns, 2, palette)[0].text
    assert sent == []


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-ghostty"}, True),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({}, False),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "xterm-kitty", "TMUX": "x"}, False),
        ({"TERM": "xterm-kitty", "STY": "1.x"}, False),
        ({"TERM": "xterm-kitty", "HPTUI_GRAPHICS": "blocks"}, False),
        ({"TERM": "xterm-256color", "HPTUI_GRAPHICS": "kitty"}, True),
    ],
)
def test_the_terminal_is_known_by_its_name(environment: dict[str, str], shown: bool) -> None:
    assert shows_kitty_images(environment) is shown


def test_placeholders_pass_the_filter_of_all_lines_and_commands_do_not() -> None:
    text = f"{PLACEHOLDER}{NUMBERS[0]}{NUMBERS[1]}"
    (kept, changed) = PlainLines(ascii=False).apply([Segment(text), Segment("\x1b_Gi=1\x1b\\")], Color(0, 0, 0))
    assert kept.text == text
    assert "\x1b" not in changed.text
