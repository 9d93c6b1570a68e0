"""A resolved configuration as a CONFIG.toml that says where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

LONGEST = 60
"""characters of a setting beside which the origins of the others still stand in one column"""


def config_lines(plain: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    """A line for each setting; what is not set, and so has no value in TOML, is a comment.

    Args:
        plain: settings by field, None where one is not set.
        origins: where each comes from.
    """
    unset = {"decide_every"} if plain.get("decide_at") is not None else set()  # it holds nothing beside the other
    settings = {
        field: f"# {field}" if value is None or field in unset else _setting(field, value)
        for field, value in plain.items()
    }
    width = max((len(text) for text in settings.values() if len(text) <= LONGEST), default=0)
    return [
        f"{text:{width}}  # {_in_comment('not set' if text.startswith('#') else origins[field])}"
        for field, text in settings.items()
    ]


def _setting(name: str, value: object) -> str:
    """Key and value in one line, with tables and lists within it."""
    if isinstance(value, Mapping):
        entries = ", ".join(_setting(str(key), entry) for key, entry in value.items())
        return f"{name} = {{ {entries} }}" if entries else f"{name} = {{}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{name} = [{', '.join(_setting('_', entry).removeprefix('_ = ') for entry in value)}]"
    return tomli_w.dumps({name: value}).rstrip("\n")


def _in_comment(text: str) -> str:
    """Text of what a comment may hold: a file may have any name."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
