"""Studies of somebody who means harm: names, labels, reasons, errors, notes and damage that a terminal would obey."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import tomli_w
from fabricate import (
    chosen,
    decision_started,
    edit_study,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    two_class_study,
    write_run,
)

from hptui.record.events import CommandRefused, RunFailed
from hptui.record.notes import write_note
from hptui.record.study_folders import STUDY_FILE

HARMLESS = "\N{WOMAN}\u200d\N{WOMAN}\ufe0f e\u0301 \u6f22"
"""joined emojis, an accent by itself, a wide sign"""
EVIL = f"\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202etxt\u2066\u200f\u2028[red]\r{HARMLESS}"
"""a title, a cleared screen, C1, DEL, directions of writing, markup"""
ALLOWED = "\n\t\u200d"


def obeyed(text: str) -> list[str]:
    """Signs that a terminal may obey; by their category, not by the list that the program has."""
    return [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") and sign not in ALLOWED]


def toml(text: str) -> str:
    """Text as TOML has it, in quotes."""
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip()


def hostile_studies(folder: Path) -> Path:
    """In `folder`: done, other and failed, and of those that cannot be read cut, strange, unknown and edited."""
    done = two_class_study(folder / f"done{EVIL}", class_names=[f"a{EVIL}", f"b{EVIL}"])
    write_note(done.directory, f"note {EVIL}")
    other = finished_study(folder / f"other{EVIL}", [0.5, 0.6], [0.7, 0.8])
    edit_study(other.directory, lambda text: text.replace('"lenet"', toml(f"lenet{EVIL}")))
    failed = make_study(folder / f"failed{EVIL}")
    refused = CommandRefused(by=f"me{EVIL}", reason=EVIL)
    started = run_started(dataset=f"data{EVIL}", model=EVIL, class_names=[EVIL, "b", "c"], versions={EVIL: EVIL})
    decision = [decision_started(), chosen(reason=f"because {EVIL}")]
    write_run(failed, "optimized", 0, [started, *decision, *trained_epoch(1), refused, RunFailed(error=f"no {EVIL}")])
    damaged = {"cut": f"= {EVIL}", "strange": f'schema = "{EVIL}"', "unknown": "schema = 1\n[config]\n"}
    for name, text in damaged.items():
        (folder / f"{name}{EVIL}").mkdir()
        (folder / f"{name}{EVIL}" / STUDY_FILE).write_text(text, "utf-8")
    edited = make_study(folder / f"edited{EVIL}")
    edit_study(edited.directory, lambda text: text.replace("[config]", f"[config]\n{toml(EVIL)} = 3"))
    return folder
