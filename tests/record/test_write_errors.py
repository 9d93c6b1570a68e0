"""A disk that is full or may not be written, told in words, by every writer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fabricate import finished_study, python, run_started

from hptui.cli.overwriting import write_answers
from hptui.errors import HptuiError, RunDirectoryError
from hptui.export import export
from hptui.reading.studies import follow
from hptui.record.commands import CommandSender, Pause
from hptui.record.notes import write_note
from hptui.record.predictions import Predictions, write_predictions
from hptui.record.presence import Presence
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_writer import RunWriter
from hptui.record.seals import Origin
from hptui.record.steering import Steering, save_steering
from hptui.record.write_errors import cannot_write
from hptui.report import write_report
from hptui.training.run.checkpoints import save_checkpoint, save_file

RUN = "optimized-0"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return finished_study(tmp_path / "study", [0.5], [0.6]).directory


def checkpoint(study: Path) -> None:
    import torch

    save_checkpoint(study / RUN, 7, {"snapshot": {"weights": torch.zeros(1_000_000)}})


def model(study: Path) -> None:
    import torch

    save_file(study / RUN / "model.pt", {"network": {"w": torch.zeros(500_000)}}, Origin("", "optimized", 0, 7))


def log(study: Path) -> None:
    with RunWriter(study / RUN) as writer:
        writer.append(run_started())


def answers(study: Path) -> None:
    some = Predictions(np.zeros(10, np.int64), np.full((10, 2), 0.5, np.float32))
    write_predictions(study / RUN, {("final", "test"): some})


def figures(study: Path) -> None:
    export(follow(study), study / "export", ("csv",))


def page(study: Path) -> None:
    write_report(follow(study), study / "report.html")


def commands(study: Path) -> None:
    CommandSender(study).send(Pause())


def new_run(study: Path) -> None:
    create_run(study / "optimized-9", RunFile(1, "0", "optimized", 9, {}))


WRITERS: list[tuple[Callable[[Path], None], str, str]] = [
    (checkpoint, rf"{RUN}/checkpoints/step-000000007\.pt; 4\.0 MB needed, ", "resume"),
    (model, rf"{RUN}/model\.pt; 2\.0 MB needed, ", "resume"),
    (log, rf"{RUN}/events\.jsonl; \d+ B needed, ", "resume"),
    (answers, rf"{RUN}/predictions\.npz; \d+ K?B needed, ", "resume"),
    (figures, r"export/\S+\.csv; ", "export again"),
    (page, r"report\.html; ", "try again"),
    (lambda study: write_note(study, "good"), r"note\.txt; 4 B needed, ", "try again"),
    (commands, r"commands; \d+ B needed, ", "try again"),
    (new_run, r"optimized-9; ", "resume"),
    (lambda study: write_answers(study / "answers.csv", ["image,class\n"]), r"answers\.csv; ", "try again"),
    (lambda study: save_steering(study, Steering(3, {})), r"steering\.json; ", "resume"),
]


@pytest.mark.parametrize(("write", "what", "then"), WRITERS, ids=[what for _, what, _ in WRITERS])
@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "no space left on device"), (errno.EDQUOT, "the disk quota is used up")]
)
def test_a_full_disk_is_told_by_every_writer(
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], None],
    what: str,
    then: str,
    number: int,
    words: str,
) -> None:
    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "fsync", full)
    if write is checkpoint:  # which begins with a flush of the log
        monkeypatch.setattr("hptui.training.run.checkpoints.durable_log", lambda _: b"")
    if write is page:  # whose pictures are within it
        monkeypatch.setattr("hptui.report.pictures.data_of", lambda picture: "data:image/svg+xml;base64,")
    with pytest.raises(HptuiError, match=rf"^{words}: \S+/{what}[\d.]+ [KMGT]?B free; make room and {then}\.$"):
        write(study)
    assert not list(study.rglob("*.partial"))


def test_torch_s_own_words_never_reach_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells a failed write as "[enforce fail at inline_container.cc:672]"."""
    import torch

    from hptui.training.run import checkpoints

    real = torch.save

    def tell_otherwise(content: object, file: object) -> None:
        try:
            real(content, file)
        except OSError:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0") from None

    class Full(checkpoints._Disk):
        def write(self, piece: bytes) -> int:
            self.error = OSError(errno.ENOSPC, "No space left on device")
            raise self.error

    monkeypatch.setattr(torch, "save", tell_otherwise)
    monkeypatch.setattr(checkpoints, "_Disk", Full)
    with pytest.raises(HptuiError, match=r"^no space left on device: ") as caught:
        save_file(tmp_path / "model.pt", {"network": {}}, Origin("", "optimized", 0, 7))
    assert "enforce" not in str(caught.value)


class ReadOnly:
    """What a directory looks like to one who may only read it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: int) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
        monkeypatch.setattr(os, "geteuid", lambda: owner)


def test_a_read_only_run_is_told_as_what_it_is(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("hptui.record.presence.write_heartbeat", refuse)
    ReadOnly(monkeypatch, os.geteuid())
    run = study / RUN
    with pytest.raises(RunDirectoryError) as caught:
        Presence(run).__enter__()
    assert str(caught.value) == (
        f"cannot write in {run}: it is read-only; make it writable (chmod u+w {run}) and resume."
    )


def test_somebody_else_s_run_is_told_as_theirs(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = study.stat().st_uid
    ReadOnly(monkeypatch, owner + 1)
    path = study / RUN / "error.log"
    told = cannot_write(path, PermissionError(errno.EACCES, "Permission denied"))
    assert told.startswith(f"cannot write {path}: its folder belongs to ")
    assert told.endswith("; copy the study elsewhere and resume there.")


def test_a_file_system_that_is_mounted_read_only(tmp_path: Path) -> None:
    told = cannot_write(tmp_path, OSError(errno.EROFS, "Read-only file system"))
    assert told == (
        f"cannot write in {tmp_path}: the file system is mounted read-only; copy the study elsewhere and resume there."
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_study_that_may_only_be_read_is_told_in_one_line(study: Path) -> None:
    """By another user, as it is: the run's files are there, and closed."""
    for place in [study, *study.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
    for place in study.parents:
        if "pytest" in str(place):
            place.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from hptui.record.run_writer import RunWriter\n"
        "from hptui.record.life_signs import boot_id\n"
        "boot_id()\n"  # of Python's own files all are read that another user may not
        "os.setuid(12345)\n"
        "try:\n    RunWriter(Path(sys.argv[1])).__enter__()\nexcept Exception as error:\n    print(error)"
    )
    said = python(code, study / RUN).stdout
    assert said.startswith(f"cannot write in {study / RUN}: it belongs to root; copy the study elsewhere"), said
