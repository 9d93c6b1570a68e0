"""Every problem of a configuration file at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hptui.config.layers import Layer, config_text, contradictions, layer_settings, merged, text_layer
from hptui.config.study import PAIRS, SYNONYMS
from hptui.errors import ConfigError

Entry = tuple[str, ...]
"""a key of the file, and within those of PAIRS the name that stands before the sign ="""
_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_.'\"-]+)\s*=")


def file_problems(path: Path) -> list[str]:
    """Sentences on everything that is wrong with a CONFIG.toml: where it stands, and what would be right.

    Raises:
        ConfigError: the file cannot be read, or is no TOML; of the latter nothing is known beyond the first mistake.
    """
    text = config_text(path)  # once: a pipe gives it once
    layer, lines = text_layer(path, text), _lines(text)
    sound: dict[str, Any] = {}
    faulty: set[str] = set()
    told: list[str] = []
    for entry, raw in _entries(layer.settings):
        taken = _with(sound, entry, raw)
        try:
            layer_settings(Layer(str(path), taken), installed=True)
        except ConfigError as error:
            told.append(f"{path}{_place(lines, [entry])}: {error}")
            faulty.add(_field(entry[0]))
        else:
            sound = taken
    for fields, problem in contradictions(merged([Layer(str(path), sound)]).config):
        if not faulty & set(fields):  # what was told already may be all there is to it
            concerned = [entry for entry, _ in _entries(sound) if _field(entry[0]) in fields]
            told.append(f"{path}{_place(lines, concerned)}: {problem}")
    return told


def _field(key: str) -> str:
    name = key.replace("-", "_")
    return "set" if name in SYNONYMS else name


def _entries(settings: Mapping[str, Any]) -> Iterator[tuple[Entry, Any]]:
    """What can be right or wrong by itself: every key, and every name within those of PAIRS."""
    for key, raw in settings.items():
        if key in PAIRS and isinstance(raw, Mapping):
            yield from (((key, name), value) for name, value in raw.items())
        else:
            yield (key,), raw


def _with(settings: Mapping[str, Any], entry: Entry, raw: Any) -> dict[str, Any]:
    """The settings with one more entry."""
    key, *name = entry
    return {**settings, key: {**settings.get(key, {}), name[0]: raw} if name else raw}


def _lines(text: str) -> dict[Entry, int]:
    """The line that each entry begins in, counted from 1."""
    lines: dict[Entry, int] = {}
    table: Entry = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = (header[1],)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            names = tuple(part.strip("'\"") for part in key[1].split("."))
            lines.setdefault((*table, *names), number)
    return lines


def _place(lines: Mapping[Entry, int], entries: list[Entry]) -> str:
    found = {lines.get(entry) or lines.get(entry[:1]) for entry in entries} - {None}
    numbers = sorted(number for number in found if number is not None)
    return f", line{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}" if numbers else ""
