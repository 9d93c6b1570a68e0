"""Text of a flag, a variable or a form, and values of TOML, as the values of settings; mistakes in a user's words."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hptui import registry
from hptui.config.intensity_rule import parse_intensity
from hptui.config.page_rule import parse_pages
from hptui.config.study import ARGUMENTS, AUTO, COLUMNS, FIELDS, FOLDERS, PAIRS, PLUG_INS, SWITCH, choices, is_switch
from hptui.errors import ConfigError, nearest
from hptui.hyperparameters import hyperparameter
from hptui.space import parse_range

INTERVAL = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|m|h|steps)")
EXAMPLES = {"search": "lr=1e-4:1e-1:log:7", "set": "weight_decay=5e-4", "column": "image=file_name"}
NEXT_ARGUMENT = re.compile(r"\s+(?=\w+=)")
"""what lies between two arguments of one text; a value may have blanks, as lines of a shell have"""
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def convert_field(field: str, raw: object, *, installed: bool = True) -> Any:
    """Turn text (a flag, a variable, a form) or a TOML value into the field's type; raise ConfigError.

    Args:
        field: of the configuration.
        raw: what was written.
        installed: whether the plug-ins that are named have to be here.
    """
    for text in _texts(raw):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{field} = {text!r}: it has bytes that are no UTF-8.") from None
    if field in PAIRS:
        return _named_values(field, raw, installed=installed)
    if is_switch(field) and raw in SWITCH:
        raw = raw == SWITCH[1]
    words = choices(field)
    if words and raw not in words:
        raise ConfigError(f"unknown {field} {raw!r}.{nearest(str(raw), words)}")
    if field in ("decide_at", "freeze") and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if field == "parallel":
        return _parallel(raw)
    value = _converted(field, raw)
    if field == "decide_at" and value == []:
        raise ConfigError(f"{field} = {raw!r}: name at least one epoch.")
    _check_name(field, value, installed=installed)
    return value


def _arguments(field: str, raw: object) -> dict[str, Any]:
    """Arguments by name: of TOML as they are, of text numbers, words and lists as Python has them."""
    if isinstance(raw, Mapping):
        arguments = {str(name): value for name, value in raw.items()}
    else:
        arguments = {name: _literal(text) for name, text in _split_arguments(field, raw)}
    for name, value in arguments.items():
        if not name.isidentifier():
            raise ConfigError(f"{field} {name!r}: no argument can have this name.")
        if not isinstance(value, (bool, int, float, str, list)):
            raise ConfigError(f"{field} {name} = {value!r}: it takes numbers, words, true, false and lists of them.")
    return arguments


def _split_arguments(field: str, raw: object) -> list[tuple[str, str]]:
    parts = (
        NEXT_ARGUMENT.split(raw.strip()) if isinstance(raw, str) else raw if isinstance(raw, (list, tuple)) else [raw]
    )
    pairs = [str(part).partition("=") for part in parts if part != ""]
    for name, equals, value in pairs:
        if not (name and equals and value):
            example = "depth=28" if field == "model_args" else "partition=gpu"
            raise ConfigError(f"{field} {name + equals + value!r}: write NAME=VALUE, for example {example}.")
    return [(name, value) for name, _, value in pairs]


def _literal(text: str) -> Any:
    """What a text means in Python, with tuples as lists; a word that means nothing there is itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return list(value) if isinstance(value, tuple) else value


def _named_values(field: str, raw: object, *, installed: bool) -> dict[str, Any]:
    """Values by name, of a field that takes NAME=VALUE; raise ConfigError."""
    if field == "set":
        return {
            known.name: known.check(_number(name, value))
            for name, value in _pairs(field, raw, installed=installed)
            for known in [hyperparameter(name, installed=installed)]
        }
    if field == "search":
        return {
            hyperparameter(name, installed=installed).name: text
            if text == "off"
            else str(parse_range(name, text, installed=installed))
            for name, text in _pairs(field, raw, installed=installed)
        }
    if field in ARGUMENTS:
        return _arguments(field, raw)
    columns = dict(raw.items() if isinstance(raw, Mapping) else _split_pairs(field, raw))
    for name in columns:
        if name not in COLUMNS:
            raise ConfigError(f"column names {name!r}.{nearest(str(name), COLUMNS)}")
    return _converted(field, columns)  # type: ignore[no-any-return]


def _converted(field: str, raw: object) -> Any:
    try:
        return msgspec.convert(raw, FIELDS[field], strict=False)
    except msgspec.ValidationError as error:
        unknown = field == "budget" and "enum" in str(error)
        words = "expected a number, or auto." if unknown else _plain(str(error))
        raise ConfigError(f"{field} = {raw!r}: {words}") from None


def _texts(raw: object) -> list[str]:
    parts = [*raw, *raw.values()] if isinstance(raw, Mapping) else raw if isinstance(raw, (list, tuple)) else [raw]
    return [part for part in parts if isinstance(part, str)]


def _check_dataset(spec: str) -> None:
    name = spec.partition(":")[0]
    if registry.is_own(spec) or registry.is_known("datasets", name):
        return
    from hptui.config.data_places import refuse_bare_path  # here: most starts need no folder of data

    refuse_bare_path(spec)
    raise ConfigError(f"unknown dataset {spec!r}.{nearest(name, registry.names('datasets'))}")


def _check_name(field: str, value: Any, *, installed: bool) -> None:
    """Check what a type cannot: that a plug-in or a device has this name, and that a path can be one."""
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{field} = {value!r}: no name or path can have a null character.")
    if field in FOLDERS and value is not None:
        try:
            Path(value).expanduser()
        except RuntimeError:
            raise ConfigError(f"{field} = {value!r}: there is no such user's home folder.") from None
    elif field in PLUG_INS and not installed:
        return
    elif field == "dataset":
        _check_dataset(value)
    elif field in PLUG_INS and value is not None and (field, value) != ("baseline", "none"):
        registry.check_name(PLUG_INS[field], value, field)
    elif field == "group_pattern" and value is not None:
        _check_pattern(field, value)
    elif field == "checkpoint_every":
        parse_interval(value)
    elif field == "intensity":
        parse_intensity(value)
    elif field == "pages" and value is not None:
        parse_pages(value)
    elif field == "device" and value not in ("auto", "cpu", "cuda") and not re.fullmatch(r"cuda:[0-9]+", value):
        raise ConfigError(f"unknown device {value!r}. It takes auto, cpu, cuda or cuda:INDEX.")


BY_HEADER = "dicom"
"""instead of an expression for groups: the patient that the header of each DICOM file names"""


def _check_pattern(field: str, value: str) -> None:
    if value == BY_HEADER:
        return
    try:
        with warnings.catch_warnings(action="error"):  # of what a later Python will read otherwise
            found = re.compile(value)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ConfigError(f"{field} = {value!r} is no regular expression: {error}.") from None
    if found.groups == 0:
        raise ConfigError(
            f"{field} = {value!r}: put brackets around what names the patient, such as '(patient[0-9]+)'."
        )


def _parallel(raw: object) -> str:
    """How many runs are trained side by side, as text; TOML has numbers."""
    text = str(raw).strip() if isinstance(raw, (str, int)) and not isinstance(raw, bool) else ""
    if text == AUTO:
        return text
    if not re.fullmatch("[0-9]{1,18}", text) or int(text) < 1:
        raise ConfigError(f"parallel = {raw!r}: write how many runs are trained side by side, from 1 on, or auto.")
    return str(int(text))


def parse_interval(text: str) -> tuple[float, str]:
    """Number and unit ("s" or "steps") of a text such as 90s, 10m, 1h or 500steps; raise ConfigError."""
    match = INTERVAL.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"checkpoint_every = {text!r}: write 90s, 10m, 1h, or 500steps.")
    number, unit = float(match[1]), match[2]
    return (number, unit) if unit == "steps" else (number * SECONDS[unit], "s")


def _number(name: str, raw: object) -> float:
    try:
        return float(str(raw))
    except ValueError:
        raise ConfigError(f"set {name} = {raw!r}: expected a number.") from None


def _pairs(field: str, raw: object, *, installed: bool) -> list[tuple[str, Any]]:
    """Names and values; raise ConfigError if two of them are of one hyperparameter."""
    pairs = list(raw.items()) if isinstance(raw, Mapping) else _split_pairs(field, raw)
    given: dict[str, str] = {}
    for name, _ in pairs:
        known = hyperparameter(name, installed=installed).name
        if known in given:
            both = "twice" if given[known] == name else f"as {given[known]} and as {name}"
            raise ConfigError(f"{field} names {known} {both}.")
        given[known] = name
    return pairs


def _split_pairs(field: str, raw: object) -> list[tuple[str, Any]]:
    parts = _words(field, raw) if isinstance(raw, str) else list(raw) if isinstance(raw, (list, tuple)) else [str(raw)]
    pairs = [str(part).partition("=") for part in parts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            example = EXAMPLES[field]
            raise ConfigError(f"{field} {name + equals + value!r}: write NAME=..., for example {example}.")
    return [(name, value) for name, _, value in pairs]


def _words(field: str, text: str) -> list[str]:
    """Parts of a text with blanks between them; a column's name may have blanks too, within quotation marks."""
    if field != "column":
        return text.split()
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{field} = {text!r}: {error}.") from None


def _plain(message: str) -> str:
    """Msgspec's words in a user's words."""
    message = message.split(" - at ", maxsplit=1)[0].split(", got ", maxsplit=1)[0]
    for type_name, words in {
        "`int | null`": "a whole number",
        "`int`": "a whole number",
        "`float | null`": "a number",
        "`float`": "a number",
        "`array | null`": "whole numbers with commas between",
        "`bool`": "yes or no",
        "`array`": "names with commas between",
        "`str | null`": "text",
        "`str`": "text",
    }.items():
        message = message.replace(type_name, words)
    return message.lower() + "."
