"""Ways in which the files of a study are damaged, or are something else than files; and what is asked of it then."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fabricate import edit_study

from hptui.record.commands import COMMANDS
from hptui.record.notes import NOTE_FILE
from hptui.record.predictions import PREDICTIONS_FILE
from hptui.record.presence import HEARTBEAT
from hptui.record.run_directory import BEST_FILE, CHECKPOINTS, EVENTS_FILE, MODEL_FILE, RUN_FILE
from hptui.record.seals import seal_line
from hptui.record.steering import STEERING_FILE
from hptui.record.study_folders import STUDY_FILE

RUN = "optimized-0"
HUGE = 200 << 30
"""bytes, of which the disk holds none"""
Damage = Callable[[Path], object]
"""done to a study's folder"""
FILES = (
    *(STUDY_FILE, STEERING_FILE, f"{RUN}/{RUN_FILE}", f"{RUN}/{EVENTS_FILE}", f"{RUN}/{PREDICTIONS_FILE}"),
    *(f"{RUN}/{MODEL_FILE}", f"{RUN}/{BEST_FILE}", NOTE_FILE),
)
SIGNS = (HEARTBEAT, f"{RUN}/{HEARTBEAT}", f"{COMMANDS}/other.jsonl")


def _anew(path: Path) -> Path:
    """The path with nothing there."""
    path.parent.mkdir(exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def _bad_byte(path: Path) -> None:
    content = path.read_bytes() if path.is_file() else b'{"author":"x"}\n'
    middle = content.find(b'"', len(content) // 2) + 1
    _anew(path).write_bytes(content[:middle] + b"\xff" + content[middle:])


def _half(path: Path) -> None:
    content = path.read_bytes() if path.is_file() else b"12"
    _anew(path).write_bytes(content[: len(content) // 2])


def _huge(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.truncate(HUGE)


def _unreadable(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.chmod(0)


HARMS: dict[str, Callable[[Path], object]] = {
    "a byte that is no UTF-8": _bad_byte,
    "half of it": _half,
    "empty": lambda path: _anew(path).write_bytes(b""),
    "zeros": lambda path: _anew(path).write_bytes(bytes(5000)),
    "nested": lambda path: _anew(path).write_bytes(b'{"a":' * 2000 + b"1" + b"}" * 2000),
    "huge": _huge,
    "missing": _anew,
    "a folder": lambda path: _anew(path).mkdir(),
    "a loop of links": lambda path: _anew(path).symlink_to(path.name),
    "a link to nothing": lambda path: _anew(path).symlink_to("nothing"),
    "a pipe": lambda path: os.mkfifo(_anew(path)),
    "a device": lambda path: _anew(path).symlink_to("/dev/zero"),
    "unreadable": _unreadable,
}


def _lines(study: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (study / RUN / EVENTS_FILE).read_bytes().splitlines()]
    return [{key: value for key, value in line.items() if key not in ("crc", "at")} for line in found]


def _write_lines(study: Path, lines: list[bytes]) -> None:
    (study / RUN / EVENTS_FILE).write_bytes(b"".join(seal_line(line) + b"\n" for line in lines))


def without_line(study: Path, kind: str) -> None:
    """Lose the first line of a kind."""
    lines = _lines(study)
    lines.remove(next(line for line in lines if line["event"] == kind))
    _write_lines(study, [json.dumps(line, separators=(",", ":")).encode() for line in lines])


def with_fact(study: Path, kind: str, field: str, value: str) -> None:
    """Change a field of the last line of a kind, as if it had been written so; `value` is JSON, or nearly."""
    lines = _lines(study)
    index = max(number for number, line in enumerate(lines) if line["event"] == kind)
    written = [json.dumps(line, separators=(",", ":")) for line in lines]
    lines[index][field] = "HERE"
    written[index] = json.dumps(lines[index], separators=(",", ":")).replace('"HERE"', value)
    _write_lines(study, [line.encode() for line in written])


def _with_setting(study: Path, key: str, value: str) -> None:
    """Give a key of study.toml another value, at its top or within a table."""

    def edit(text: str) -> str:
        lines = text.splitlines()
        index = next(number for number, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[index] = f"{key} = {value}"
        return "\n".join(lines) + "\n"

    edit_study(study, edit)


def _in_place_of_the_run(study: Path, harm: str) -> None:
    HARMS[harm](study / RUN)


KINDS_LOST = (
    *("RunStarted", "DecisionStarted", "CandidateScored", "HyperparametersChosen", "BatchesTrained", "Evaluated"),
    *("EpochCompleted", "RunCompleted"),
)
FACTS = (
    *(("RunCompleted", "time", "1e300"), ("Evaluated", "time", "-1"), ("Evaluated", "confusion", "[[1,2],[3]]")),
    *(
        ("Evaluated", "confusion", "[[99999999999]]"),
        ("EpochCompleted", "epoch", "-2"),
        ("RunCompleted", "epoch", "1e9"),
    ),
    *(("EpochCompleted", "seconds", "9" * 5000), ("RunStarted", "class_names", "[]"), ("RunStarted", "epochs", "0")),
    *(("BatchesTrained", "batches", "0"), ("RunCompleted", "test_accuracy", "NaN"), ("RunCompleted", "cost", "-1")),
    *(("RunCompleted", "test_accuracy", "17"), ("HyperparametersChosen", "reason", '"\\ud800"')),
    *(("DecisionStarted", "axes", "[" * 3000 + "]" * 3000), ("CandidateScored", "values", "{}")),
    *(("CandidateScored", "classes", '{"support":[1],"predicted":[],"hits":[]}'), ("RunStarted", "seed", '"a"')),
)
SETTINGS = (
    *(("created", "inf"), ("created", "1e300"), ("created", "-1"), ("created", "9" * 5000), ("created", '"noon"')),
    *(("id", '"../../x"'), ("epochs", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")),
    *(("epochs", "0x" + "f" * 5000), ("strategy", '"gone"'), ("optimized", "nan"), ("epochs", "-3")),
)
STEERINGS = (
    '{"epochs":-3,"search":{}}',
    '{"epochs":2,"search":{"lr":"x"}}',
    '{"epochs":%s,"search":{}}' % ("9" * 5000),
    "[]",
)


def damages() -> dict[str, Damage]:
    """All of them by what they do."""
    found: dict[str, Damage] = {
        f"{file}: {name}": lambda study, harm=harm, file=file: harm(study / file)
        for file in FILES
        for name, harm in HARMS.items()
    }
    for file in SIGNS:
        for name in ("a byte that is no UTF-8", "empty", "nested", "a folder", "a loop of links", "a link to nothing"):
            found[f"{file}: {name}"] = lambda study, harm=HARMS[name], file=file: harm(study / file)
    found |= {f"{EVENTS_FILE}: without {kind}": partial(without_line, kind=kind) for kind in KINDS_LOST}
    for kind, field, value in FACTS:
        found[f"{EVENTS_FILE}: {kind}.{field} = {value:.20}"] = partial(with_fact, kind=kind, field=field, value=value)
    for key, value in SETTINGS:
        found[f"{STUDY_FILE}: {key} = {value:.20}"] = partial(_with_setting, key=key, value=value)
    for text in STEERINGS:
        found[f"{STEERING_FILE}: {text:.30}"] = lambda study, text=text: (study / STEERING_FILE).write_text(text)
    for name in ("empty", "a loop of links", "a link to nothing", "a pipe", "missing"):
        found[f"{RUN}: {name}"] = partial(_in_place_of_the_run, harm=name)
    found[f"{CHECKPOINTS}: empty"] = lambda study: HARMS["empty"](study / RUN / CHECKPOINTS)
    return found


def put_back(study: Path, sound: Path) -> None:
    """Make the study what it was, whatever lies there now."""
    for path in study.rglob("*"):
        if not path.is_symlink() and stat.S_ISREG(path.lstat().st_mode):
            path.chmod(0o644)
    shutil.rmtree(study, ignore_errors=True)
    shutil.copytree(sound, study)
