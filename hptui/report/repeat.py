"""The command that repeats a study, from its settings alone."""

from __future__ import annotations

import shlex
from typing import Any

import msgspec

from hptui import registry
from hptui.config import LOCAL, PLUG_INS, StudyConfig, resolve, takes_path
from hptui.hyperparameters import default_search
from hptui.record.run_directory import run_name
from hptui.record.study_directory import SOURCES, Study


def repeat_command(study: Study) -> str:
    """Command that repeats the study, one line for a POSIX shell; settings that are the default are left out."""
    return shlex.join(["hptui", "run", *_flags(study.config)])


def _flags(config: StudyConfig) -> list[str]:
    default = msgspec.to_builtins(resolve([]).config)
    flags: list[str] = []
    for field, value in msgspec.to_builtins(config).items():
        if field in LOCAL or value is None or value == default[field]:
            continue
        flag = "--" + field.replace("_", "-")
        flags += [part for text in _texts(field, value) for part in (flag, text)]
    return flags


def _texts(field: str, value: Any) -> list[str]:
    """Values of the flag, once for each time it is given."""
    if field == "search":
        searched = value or dict.fromkeys(default_search(), "off")
        return [f"{name}={text}" for name, text in searched.items()]
    if isinstance(value, dict):
        return [f"{name}={number!r}" for name, number in value.items()]
    if isinstance(value, list):
        return [",".join(map(str, value))]
    if field in PLUG_INS and registry.own_file(value) is not None:
        return [f"{SOURCES}/{field}/{value}"]
    return [str(value)]


def repeat_notes(study: Study) -> list[str]:
    """Sentences on what the command supposes."""
    config = study.config
    notes = []
    own = [field for field in PLUG_INS if registry.own_file(getattr(config, field) or "") is not None]
    if own:
        notes.append(f"Run it in the study's folder, which keeps a copy of the own files ({', '.join(own)}).")
    if takes_path("datasets", config.dataset.partition(":")[0]):
        notes.append("Add --data-dir FOLDER if the images lie elsewhere.")
    first = run_name(config.arms[-1], config.seed)
    notes.append(f"One run again, with the values it recorded and without search: hptui replay {first}")
    notes.append(f"Images and labels have the fingerprint (SHA-256) {study.fingerprint}.")
    return notes
