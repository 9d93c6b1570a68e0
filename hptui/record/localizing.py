"""A study's settings with the paths of this machine put back, for whoever trains and may run its code."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from hptui import registry
from hptui.config import LOCAL, PLUG_INS, StudyConfig, convert_field
from hptui.errors import ConfigError
from hptui.opening import read_file
from hptui.record.machine_paths import path_of, recall_paths
from hptui.record.new_folders import SOURCES
from hptui.record.own_code import require_allowed
from hptui.record.study_directory import Study


def localized(study: Study, data_dir: str | None = None, allowed: str = "") -> StudyConfig:
    """The study's settings with the paths of this machine put back.

    Args:
        study: to be trained or replayed.
        data_dir: where its data are, if they have moved.
        allowed: checksum of code that somebody has allowed a moment ago.

    Raises:
        ConfigError: an own file has changed since the study began, or the data are not found.
        CodeNotAllowedError: nobody here has trained with its code, or allowed it.
        RunDirectoryError: it names code outside of its folder.
    """
    require_allowed(study, allowed)
    data_dir = convert_field("data_dir", data_dir)
    places = recall_paths(study.id)
    changes: dict[str, Any] = {"data_dir": data_dir or places.get("data_dir")}
    changes |= {"parallel": places.get("parallel", "1"), "engine": places.get("engine")}
    changes["engine_args"] = msgspec.json.decode(places.get("engine_args", "{}"), type=dict[str, Any])
    if study.data is None:  # its splits were made, and taken, without a look at equal images: it goes on with the same
        changes["allow_overlap"] = True
    for field in PLUG_INS:
        value: str | None = getattr(study.config, field)
        if value is None or field in LOCAL:
            continue
        if field == "dataset" and path_of(value):
            changes[field] = _data_place(value, data_dir, places.get(field))
        else:
            changes[field] = _own_object(study, field, places)
    if study.config.weights is not None:
        changes["weights"] = str(_weights_place(study, places.get("weights")))
    return msgspec.structs.replace(study.config, **changes)


def _weights_place(study: Study, place: str | None) -> Path:
    """Where the pretrained weights were, or else a place in the study's folder where anybody may put them."""
    name = Path(study.config.weights or "").name
    inside = study.directory / SOURCES / "weights" / name
    if place is not None and Path(place).exists():
        return Path(place)
    if not inside.exists():
        raise ConfigError(
            f"weights: {name}, with which the study began, is not {f'at {place}' if place else 'known here'} any more; "
            f"put it there, or to {inside}."
        )
    return inside


def localized_model(study: Study, allowed: str = "") -> str:
    """The setting `model` alone with the path of this machine put back, for who needs no data.

    Raises:
        ConfigError: the own file has changed since the study began.
        CodeNotAllowedError: as `localized`.
        RunDirectoryError: as `localized`.
    """
    require_allowed(study, allowed)
    return _own_object(study, "model", recall_paths(study.id))


def _own_object(study: Study, field: str, places: dict[str, str]) -> str:
    value: str = getattr(study.config, field)
    if registry.own_file(value) is None:
        return value
    return f"{_source_place(study, field, value, places)}:{value.rpartition(':')[2]}"


def _data_place(value: str, data_dir: str | None, place: str | None) -> str:
    name, _, argument = value.partition(":")
    if data_dir is None and place is not None and Path(place).exists():
        return f"{name}:{place}"
    if data_dir is not None and (moved := Path(data_dir).expanduser() / argument).exists():
        return f"{name}:{moved}"
    return value  # relative to the remembered --data-dir; the data set's own message says what is missing


def _source_place(study: Study, field: str, value: str, places: dict[str, str]) -> Path:
    """Where the own file was, while it and what it imports are there as they were; else its copy.

    The former, because it may read what lies beside it.
    """
    copies = study.directory / SOURCES / field
    copy = copies / value.rpartition(":")[0]
    originals = {study.directory / SOURCES / key: Path(place) for key, place in places.items() if f"{field}/" in key}
    if (place := places.get(field)) is not None:
        originals[copy] = Path(place)
    for kept, original in originals.items():
        if kept.exists() and original.exists() and _digest(kept) != _digest(original):
            raise ConfigError(
                f"{original} has changed since the study began; put the copy in {kept.parent} back, or start a new "
                "study."
            )
    if place is not None and all(original.exists() for original in originals.values()):
        return Path(place)
    within = (path for path in sorted(copies.rglob(copy.name)) if path != copy and _digest(path) == _digest(copy))
    return next(within, copy) if copy.exists() else copy  # as a part of its package, where it is one


def _digest(path: Path) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()
