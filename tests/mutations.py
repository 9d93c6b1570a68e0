"""Inputs as damage, other programs and bad intentions make them: changes of bytes, of text, and of plain data."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
NUMBERS = (
    *(b"-1", b"0", b"1", b"-0.0", b"0.5", b"2", b"1e300", b"-1e300", b"5e-324", b"1e999", b"9007199254740993"),
    *(
        b"18446744073709551616",
        b"99999999999999",
        b"9" * 400,
        b"9" * 5000,
        b"nan",
        b"inf",
        b"-inf",
        b"NaN",
        b"Infinity",
    ),
    *(b"0x" + b"f" * 40, b"1_000", b"1e", b"--1", b"true", b"1979-05-27T07:32:00Z", b'"1"'),
)
WORDS = (
    *(b"null", b"true", b"[]", b"{}", b'""', b'"\\ud800"', b'"\\u0000"', b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00"),
    *(
        "\u202e".encode(),
        "\U0001f600".encode(),
        "\u00e9".encode(),
        b"\x1b[31m",
        b"\r",
        b"\n",
        b"\t",
        b"'''",
        b'"""',
        b"\\",
    ),
    *(b"=", b":", b",", b"..", b"/", b"~root", b"%s", b"$HOME", b"off", b"none", b"\xef\xbb\xbf", b"#"),
)
NESTS = ((b"[", b"]"), (b'{"a":', b"}"), (b"{a=", b"}"), (b"a.", b""), (b"(", b")"))
DEPTHS = (2, 40, 1500)
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 10**6, 2**53, 2**63, 2**64, -(2**63), 0.5, -0.0, 1e300, -1e300, 5e-324, 1e17),
    *(
        "",
        "x",
        "\0",
        "\u202e",
        "\x1b[2J",
        "é" * 300,
        "log",
        "averaged",
        "nan",
        [],
        {},
        [[]],
        [1, "a"],
        {"lr": 1.0},
        {"a": None},
    ),
)


class Mutator:
    """Changes inputs at random; the same seed gives the same changes."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._of_bytes: tuple[Callable[[bytes], bytes], ...] = (
            *(self._flip, self._overwrite, self._delete, self._insert, self._repeat, self._truncate, self._number),
            *(self._number, self._word, self._nest, self._lose_line, self._move_line),
        )

    def coin(self, share: float = 0.5) -> bool:
        return self._draw.random() < share

    def few(self) -> int:
        """How many changes: one, mostly."""
        return self._draw.choice((1, 1, 1, 2, 3))

    def index(self, of: Sequence[object]) -> int | None:
        """A place in a list; None in an empty one."""
        return self._draw.randrange(len(of)) if of else None

    def content(self, seeds: Sequence[bytes]) -> bytes:
        """One of the seeds, changed once or a few times; now and then with a piece of another one in it."""
        draw, content = self._draw, self._draw.choice(seeds)
        if draw.random() < 0.05:
            content = self._spliced(content, draw.choice(seeds))
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            content = draw.choice(self._of_bytes)(content)
        return content

    def plain(self, value: Any) -> Any:
        """Plain data of JSON or TOML, changed in one place; the rest is shared with the original."""
        draw = self._draw
        if isinstance(value, dict) and value and draw.random() < 0.9:
            key = draw.choice(list(value))
            if draw.random() < 0.1:
                return {other: inner for other, inner in value.items() if other != key}
            if draw.random() < 0.05:
                return value | {draw.choice(("x", "", "lr", "epoch")): draw.choice(VALUES)}
            return value | {key: self.plain(value[key])}
        if isinstance(value, list) and value and draw.random() < 0.9:
            return self._plain_list(value)
        if type(value) in (int, float) and draw.random() < 0.5:
            return draw.choice((-value, value + 1, value - 1, value * 1000, value / 1000, float(value), int(value)))
        return draw.choice(VALUES)

    def _plain_list(self, value: list[Any]) -> list[Any]:
        index = self._draw.randrange(len(value))
        shorter, changed = value[:index] + value[index + 1 :], [*value]
        changed[index] = self.plain(value[index])
        return self._draw.choice((shorter, [*value, value[index]], value[::-1], changed, changed, changed))

    def _span(self, content: bytes, longest: int = 40) -> tuple[int, int]:
        begin = self._draw.randrange(len(content) + 1)
        return begin, min(len(content), begin + self._draw.randrange(longest))

    def _spliced(self, content: bytes, other: bytes) -> bytes:
        begin, end = self._span(other, 400)
        place = self._draw.randrange(len(content) + 1)
        return content[:place] + other[begin:end] + content[place:]

    def _flip(self, content: bytes) -> bytes:
        if not content:
            return b"\x80"
        changed = bytearray(content)
        changed[self._draw.randrange(len(content))] ^= 1 << self._draw.randrange(8)
        return bytes(changed)

    def _overwrite(self, content: bytes) -> bytes:
        begin, end = self._span(content)
        return content[:begin] + self._draw.randbytes(end - begin) + content[end:]

    def _delete(self, content: bytes) -> bytes:
        begin, end = self._span(content)
        return content[:begin] + content[end:]

    def _insert(self, content: bytes) -> bytes:
        begin, _ = self._span(content)
        return content[:begin] + self._draw.randbytes(self._draw.randrange(1, 9)) + content[begin:]

    def _repeat(self, content: bytes) -> bytes:
        begin, end = self._span(content, 200)
        return content[:end] + content[begin:end] * self._draw.choice((1, 1, 2, 50)) + content[end:]

    def _truncate(self, content: bytes) -> bytes:
        return content[: self._draw.randrange(len(content) + 1)]

    def _number(self, content: bytes) -> bytes:
        found = list(NUMBER.finditer(content))
        if not found:
            return self._word(content)
        place = self._draw.choice(found)
        return content[: place.start()] + self._draw.choice(NUMBERS) + content[place.end() :]

    def _word(self, content: bytes) -> bytes:
        begin, end = self._span(content, 12)
        end = self._draw.choice((begin, end))
        return content[:begin] + self._draw.choice(WORDS) + content[end:]

    def _nest(self, content: bytes) -> bytes:
        opening, closing = self._draw.choice(NESTS)
        depth = self._draw.choice(DEPTHS)
        begin, end = self._span(content)
        return content[:begin] + opening * depth + content[begin:end] + closing * depth + content[end:]

    def _lose_line(self, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        if lines:
            del lines[self._draw.randrange(len(lines))]
        return b"".join(lines)

    def _move_line(self, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        if lines:
            lines.insert(self._draw.randrange(len(lines)), lines.pop(self._draw.randrange(len(lines))))
        return b"".join(lines)
