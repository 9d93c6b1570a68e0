"""The commands that repeat a study, and what no command repeats."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from hptui import registry
from hptui.config import LOCAL, PLUG_INS, Layer, StudyConfig, is_switch, resolve, suggested_search, takes_path
from hptui.config.former import as_of_today, former_strategy
from hptui.reading.changes import changes
from hptui.reading.studies import FollowedStudy
from hptui.record.new_folders import SOURCES
from hptui.record.run_directory import run_name


@dataclass(frozen=True)
class Repetition:
    """Commands under one heading."""

    words: str
    """what they do; empty: just repeat the study"""
    commands: tuple[str, ...]


def repetitions(followed: FollowedStudy) -> Iterator[Repetition]:
    """Commands that repeat the study as it began, and, if it was changed since, those of what it became."""
    begun, now = followed.study.config_at_start, followed.study.config
    words = "As it was begun, without what was changed by hand afterwards:" if changes(followed) else ""
    yield Repetition(words, repeat_commands(begun))
    if now != begun:
        ended = "As it ended, with these settings from the first epoch on: another study than this one."
        yield Repetition(ended, repeat_commands(now))


def repeat_commands(config: StudyConfig) -> tuple[str, ...]:
    """Commands for a POSIX shell that train with these settings; those that are the default are left out.

    One, unless the arms differ in what a command now says of both alike: then one for each arm.
    """
    by_arm = {arm: as_of_today(config, arm) for arm in config.arms}
    shared = [(one.schedule, one.optimizer, one.set) for one in by_arm.values()]
    if all(settings == shared[0] for settings in shared):
        strategies = {"strategy" if arm == "optimized" else arm: one.strategy_of(arm) for arm, one in by_arm.items()}
        return (_command(msgspec.structs.replace(by_arm["optimized"], **strategies)),)
    alone = (
        msgspec.structs.replace(one, strategy=one.strategy_of(arm), baseline="none") for arm, one in by_arm.items()
    )
    return tuple(_command(one) for one in alone)


def _command(config: StudyConfig) -> str:
    return shlex.join(["hptui", "run", *_flags(config)])


def _flags(config: StudyConfig) -> list[str]:
    default = msgspec.to_builtins(resolve([]).config)
    default["search"] = resolve([Layer("strategy", {"strategy": config.strategy})], installed=False).config.search
    flags: list[str] = []
    for field, value in msgspec.to_builtins(config).items():
        if field in LOCAL or value is None or value == default[field]:
            continue
        flag = "--" + field.replace("_", "-")
        if is_switch(field):
            flags.append(flag)  # its default is off
            continue
        flags += [part for text in _texts(config, field, value) for part in (flag, text)]
    return flags


def _texts(config: StudyConfig, field: str, value: Any) -> list[str]:
    """Values of the flag, once for each time it is given."""
    if field == "search":
        searched = value or dict.fromkeys(suggested_search({"strategy": config.strategy}), "off")
        return [f"{name}={text}" for name, text in searched.items()]
    if isinstance(value, dict):
        return [f"{name}={entry if isinstance(entry, str) else repr(entry)}" for name, entry in value.items()]
    if isinstance(value, list):
        return [",".join(map(str, value))]
    if field in PLUG_INS and registry.own_file(value) is not None:
        return [f"{SOURCES}/{field}/{value}"]
    return [str(value)]


def repeat_notes(followed: FollowedStudy) -> list[str]:
    """Sentences on what the commands suppose, and what they leave out."""
    study = followed.study
    config = study.config
    notes = list(_changed(followed))
    gone = {config.strategy_of(arm): former_strategy(config, arm) for arm in config.arms}
    for name, field in gone.items():
        if field is not None:
            kind = "a schedule" if field == "schedule" else "an optimizer"
            notes.append(f"{name} was a strategy of the hptui that trained this; it is {kind} now (--{field} {name}).")
    if len(repeat_commands(config)) > 1:
        notes.append("It holds for both arms of a study, so each arm is a study; hptui compare DIR DIR pairs them.")
    own = [field for field in PLUG_INS if registry.own_file(getattr(config, field) or "") is not None]
    if own:
        notes.append(f"Run it in the study's folder, which keeps a copy of the own files ({', '.join(own)}).")
    if takes_path("datasets", config.dataset.partition(":")[0]):
        notes.append("Add --data-dir FOLDER if the images lie elsewhere.")
    first = run_name(config.arms[-1], config.seed)
    notes.append(f"One run again, with the values it recorded and without search: hptui replay {first}")
    notes.append(f"Images and labels have the fingerprint (SHA-256) {study.fingerprint}.")
    return notes


def _changed(followed: FollowedStudy) -> Iterator[str]:
    """Sentences on changes that no flag repeats, and what does."""
    made = changes(followed)
    if not made:
        return
    yield f"No flag repeats what was changed by hand while it ran: {'; '.join(made)}."
    whole = [run.name for run in followed.runs if run.state.completed is not None]
    changed = [run.name for run in followed.runs if run.state.changes and run.state.completed is not None]
    if whole:
        names = ", ".join(changed or whole)
        yield f"hptui replay does: it trains a run again with the values and epochs that it recorded ({names})."
