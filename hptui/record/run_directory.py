"""Names inside a study and its runs, and what starts a run.

    STUDY/study.toml               what was asked, resolved (hptui.record.study_directory)
    STUDY/note.txt                 the user's own words on it (hptui.record.notes)
    STUDY/sources/                 copies of the user's own files
    STUDY/output.log               what a detached training printed: progress, result, what went wrong
    STUDY/baseline-0/run.json      the plain data that started the run: arm, seed, configuration
                     events.jsonl  one fact per line (hptui.record.events), append-only
                     checkpoints/  the two newest, each with a copy of the log (hptui.record.checkpoint_names); of a
                                    completed run one, as long as epochs may be added to it: none once the whole study
                                    is finished
                     model.pt      the delivered weights, once the run is completed
                     best.pt       those of the epoch with the lowest validation loss
                     predictions.npz  of both, on validation and test images (hptui.record.predictions)
                     wrong_images.npz  the test images that it gets most wrong, small (hptui.record.wrong_images)
                     error.log     the traceback, if the run failed
                     lock, heartbeat.json   while it is written

One writer appends to a run's log (hptui.record.run_writer), any number of readers follow it (hptui.record.run_reader).
No path in any of these files is absolute: a folder can be copied and read anywhere.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec

from hptui.config import Arm
from hptui.errors import RunDirectoryError
from hptui.opening import read_file
from hptui.parsing import parse_json, ready
from hptui.record.class_counts import Count
from hptui.record.events import SCHEMA
from hptui.record.files import replace_file
from hptui.record.seals import Origin, seal_struct, unsealed_struct
from hptui.record.write_errors import cannot_write

RUN_FILE = "run.json"
EVENTS_FILE = "events.jsonl"
DAMAGED_EVENTS_FILE = "events.damaged.jsonl"
"""what a log was before it was mended"""
CHECKPOINTS = "checkpoints"
MODEL_FILE, BEST_FILE = "model.pt", "best.pt"
ERROR_FILE = "error.log"


@ready
class RunFile(msgspec.Struct, frozen=True):
    """Content of run.json: all that is needed to start this run anywhere, and to know what it was."""

    schema: int
    hptui: str
    arm: Arm
    seed: Count
    config: dict[str, Any]
    """the study's settings, as in study.toml"""
    study: str = ""
    """the study's id; empty: an older hptui did not record it"""

    def origin(self, step: int, number: int = 0) -> Origin:
        """What the run's files say that they belong to."""
        return Origin(self.study, self.arm, self.seed, step, number)


def run_name(arm: str, seed: int) -> str:
    """The run's folder within its study."""
    return f"{arm}-{seed}"


def create_run(directory: Path, run_file: RunFile) -> None:
    """Make the run's folder with its run.json; an existing run.json is left as it is."""
    try:
        (directory / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        if not (directory / RUN_FILE).exists():
            replace_file(directory / RUN_FILE, seal_struct(run_file))
    except OSError as error:
        raise RunDirectoryError(cannot_write(directory, error)) from None


def read_run_file(directory: Path) -> RunFile:
    """Read run.json; raise RunDirectoryError if it is not there, damaged, or of another format."""
    path = directory / RUN_FILE
    try:
        content = read_file(path)
    except OSError as error:
        if (directory / "study.toml").exists():
            raise RunDirectoryError(f"{directory} is a study; name one of its runs, {directory}/optimized-0.") from None
        raise RunDirectoryError(
            f"{directory} is not a run of hptui: cannot read {RUN_FILE}, {error.strerror}."
        ) from None
    try:
        return msgspec.convert(unsealed_struct(content, lambda plain: _check_format(plain, path)), RunFile)
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from None


def check_schema(schema: object, path: Path) -> None:
    """Refuse a directory that another version of the format wrote."""
    if schema != SCHEMA:
        raise RunDirectoryError(
            f"{path} has format {schema!r}, this hptui reads format {SCHEMA}; use the hptui version that wrote it."
        )


def check_first_line(line: bytes, path: Path) -> None:
    """Refuse a log whose first fact another version of the format wrote, in whatever form."""
    with contextlib.suppress(msgspec.DecodeError):
        plain = parse_json(line)
        if isinstance(plain, dict) and "schema" in plain:
            check_schema(plain["schema"], path)


def _check_format(plain: object, path: Path) -> None:
    check_schema(plain.get("schema") if isinstance(plain, dict) else None, path)


def read_origin(directory: Path, step: int = 0, number: int = 0) -> Origin:
    """What the files of this run belong to; of a folder without run.json, nothing is known but its step."""
    if not os.path.lexists(directory / RUN_FILE):
        return Origin("", "", 0, step, number)
    return read_run_file(directory).origin(step, number)
