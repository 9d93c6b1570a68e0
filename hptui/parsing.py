"""TOML and JSON as data, whatever a file holds: one kind of error each, in words for the user.

Parsers have more ways to fail than their documentation says: numbers and nesting that have no end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

DEEPEST = 32
"""levels of tables and lists; settings have three"""
LARGEST = 2**63
"""TOML's whole numbers have 64 bits"""
TOO_LARGE = "it has a number of more than 64 bits"
TOO_DEEP = "it is nested too deeply"
Kind = TypeVar("Kind", bound=msgspec.Struct)


def ready(kind: type[Kind]) -> type[Kind]:
    """A struct that several threads may read at once; to be written above the class.

    msgspec works out what a struct holds when it first reads one. A second thread that reads one meanwhile sees half of
    that, which ends the process with a segmentation fault; so it is worked out here, while the module is imported.
    """
    msgspec.json.Decoder(kind)
    return kind


def parse_json(content: bytes, kind: Any = Any) -> Any:
    """JSON as `kind`; raise msgspec.DecodeError if it is none, or has another shape."""
    return decode_json(msgspec.json.Decoder(kind), content)


def decode_json(decoder: msgspec.json.Decoder[Any], content: bytes) -> Any:
    """Parse JSON with a decoder that is at hand."""
    try:
        return decoder.decode(content)
    except RecursionError:
        raise msgspec.DecodeError(TOO_DEEP) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a text; raise ValueError, in words for the user, if it is no TOML."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except ValueError:  # Python refuses to read thousands of digits
        raise ValueError(TOO_LARGE) from None
    for level in _levels(content):
        if any(type(value) is int and not -LARGEST <= value < LARGEST for value in level):
            raise ValueError(TOO_LARGE)
    return content


def _levels(content: dict[str, Any]) -> Iterator[list[Any]]:
    """Values, level by level; raise ValueError if there are too many of these."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
        yield level
    raise ValueError(TOO_DEEP)


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
