"""A log that lost lines is told by whoever reads it, or put back; it never comes to "finished" with a gap."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hptui.errors import HptuiError, RunDirectoryError, TrainingError
from hptui.reading.glance import glance
from hptui.reading.studies import follow
from hptui.reading.study_line import read_line
from hptui.record.commands import AddEpochs
from hptui.record.events import CheckpointSaved, CommandRefused, RunCompleted, encode
from hptui.record.log_backwards import last_event
from hptui.record.run_directory import CHECKPOINTS, EVENTS_FILE, MODEL_FILE, RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, create_study, open_study
from hptui.training import Control
from hptui.training.run.checkpoints import load_file

from .conftest import Once, Prepared, train_run, train_study
from .test_damage import facts
from .test_exactness import StopAfter, assert_same

Make = Callable[..., Prepared]
RUN = "optimized-0"
SETTINGS: dict[str, Any] = {"epochs": 2, "runs": 1, "baseline": "none", "strategy": "grid", "decide_at": [2]}
SETTINGS |= {"search": {"lr": "1e-3:1e-1:log:2"}, "log_every": 6}


def new_study(folder: Path, made: Prepared) -> Study:
    return create_study(folder, made.config, made.data.fingerprint, {})


def begun(folder: Path, made: Prepared, ends: str) -> Path:
    """A study that is stopped, over, or completed but for its end: other runs may follow, so it keeps a checkpoint."""
    study = new_study(folder, made)
    if ends == "completed":
        run = folder / RUN
        study.create_run("optimized", 0, run)
        assert train_run(run, made, "optimized", 0, Control())
    else:
        assert train_study(study, made, StopAfter(28) if ends == "stopped" else Control()) == (ends == "over")
    assert bool(list((folder / RUN / CHECKPOINTS).iterdir())) == (ends != "over")
    return folder


def says_finished(study: Path) -> bool:
    """Whether any of those that show results takes the run for finished."""
    listed = read_line(study).state == "finished"
    try:
        followed = follow(study)
    except RunDirectoryError:
        return listed
    return listed or followed.runs[0].status == "finished" or followed.completed_runs("optimized") != []


@pytest.mark.parametrize("lost", ["one line", "the rest"])
@pytest.mark.parametrize("ends", ["stopped", "completed", "over"])
def test_lines_that_are_missing_are_told_or_put_back(
    prepare: Make, once: Once, tmp_path: Path, ends: str, lost: str
) -> None:
    made = prepare(**SETTINGS)
    whole = once("over", made, lambda folder: begun(folder, made, "over"))
    wanted, weights = facts(whole / RUN), load_file(whole / RUN / MODEL_FILE)
    shutil.copytree(once(ends, made, lambda folder: begun(folder, made, ends)), tmp_path / "study")
    lines = (tmp_path / "study" / RUN / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    assert says_finished(tmp_path / "study") == (ends != "stopped")
    for cut in range(len(lines)):
        study = shutil.copytree(tmp_path / "study", tmp_path / f"{cut}")
        left = lines[:cut] + (lines[cut + 1 :] if lost == "one line" else [])
        (study / RUN / EVENTS_FILE).write_bytes(b"".join(left))
        assert not says_finished(study), cut
        try:
            assert train_study(open_study(study), made, Control()), cut
        except HptuiError:
            assert ends == "over", cut  # nothing is left to put it back from
            assert not says_finished(study), cut
            assert (study / RUN / EVENTS_FILE).read_bytes().startswith(b"".join(left)), cut  # not made worse
            continue
        assert says_finished(study), cut
        assert facts(study / RUN) == wanted, cut
        assert_same(load_file(study / RUN / MODEL_FILE), weights)


def test_a_gap_is_told_with_its_place_and_size(prepare: Make, tmp_path: Path) -> None:
    study = begun(tmp_path / "study", prepare(**SETTINGS), "over")
    log = study / RUN / EVENTS_FILE
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3] + lines[4:]))
    words = f"line 4 cannot be read: lines before it are missing, {len(lines[3])} bytes"
    with pytest.raises(RunDirectoryError, match=words):
        RunReader(study / RUN).read()
    with pytest.raises(RunDirectoryError, match="its last line cannot be read: lines before it are missing"):
        last_event(study / RUN)
    log.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    with pytest.raises(RunDirectoryError, match=f"line 4 cannot be .*: something was put in .* {len(lines[2])} bytes"):
        RunReader(study / RUN).read()
    assert "lines before it are missing" not in read_line(study).problem
    assert "something was put in before it" in read_line(study).problem


def test_a_log_that_ends_with_an_earlier_completion_is_told(prepare: Make, tmp_path: Path) -> None:
    """Epochs were added, and all that is known of them is gone."""
    made = prepare(**SETTINGS)
    study = new_study(tmp_path / "study", made)
    run = tmp_path / "study" / RUN
    study.create_run("optimized", 0, run)
    assert train_run(run, made, "optimized", 0, Control())
    first = (run / EVENTS_FILE).read_bytes()
    assert train_run(run, made.changed(epochs=3), "optimized", 0, Control())
    assert glance(run).status == "finished"
    (run / EVENTS_FILE).write_bytes(first)
    for look in (lambda: glance(run), lambda: follow(tmp_path / "study")):
        with pytest.raises(RunDirectoryError, match=r"ends at step 24, but model.pt is of step 36: the end of the log"):
            look()
    assert train_run(run, made.changed(epochs=3), "optimized", 0, Control())  # from its checkpoint
    assert glance(run).epochs == 3


def test_a_log_of_an_older_hptui_is_read_as_before(prepare: Make, tmp_path: Path) -> None:
    """Without places in the lines, and then with some."""
    made = prepare(**SETTINGS)
    study = begun(tmp_path / "study", made, "stopped")
    log, events = study / RUN / EVENTS_FILE, RunReader(study / RUN).read()
    log.write_bytes(b"".join(encode(event) for event in events))
    shutil.rmtree(study / RUN / CHECKPOINTS)
    (study / RUN / CHECKPOINTS).mkdir()
    assert RunReader(study / RUN).read() == events
    assert train_study(open_study(study), made, Control())
    assert RunReader(study / RUN).read()[: len(events)] == events
    assert says_finished(study)


def test_a_log_that_is_cut_while_it_is_written_is_told(tmp_path: Path) -> None:
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    with RunWriter(tmp_path) as writer:
        for number in range(3):
            writer.append(CommandRefused(by="test", reason=str(number)))
        (tmp_path / EVENTS_FILE).write_bytes(b"")
        writer.append(CommandRefused(by="test", reason="after"))
        with pytest.raises(RunDirectoryError, match="line 1 cannot be read: lines before it are missing"):
            RunReader(tmp_path).read()
        with pytest.raises(TrainingError, match=r"events.jsonl was removed or cut while it was written"):
            writer.append(CheckpointSaved(epoch=0, step=0, file="a"))


def test_a_completed_run_without_log_and_checkpoint_is_not_begun_again(prepare: Make, tmp_path: Path) -> None:
    made = prepare(**SETTINGS)
    study = begun(tmp_path / "study", made, "over")
    (study / RUN / EVENTS_FILE).unlink()
    before = (study / RUN / MODEL_FILE).read_bytes()
    assert read_line(study).run_status == ((RUN, "lost"),), read_line(study).problem
    with pytest.raises(TrainingError, match=r"optimized-0 was completed, .* nor is there a checkpoint"):
        train_study(open_study(study), made, Control())
    assert (study / RUN / MODEL_FILE).read_bytes() == before
    assert not isinstance(last_event(study / RUN), RunCompleted)


def test_a_command_leaves_no_gap(prepare: Make, tmp_path: Path) -> None:
    """Epochs that are added change the end of a log that is completed already."""
    made, control = prepare(**SETTINGS), Control()
    control._requests.append(AddEpochs(epochs=1, author="test"))
    study = new_study(tmp_path / "study", made)
    assert train_study(study, made, control)
    assert follow(study.directory).runs[0].status == "finished"
    assert read_line(study.directory).state == "finished", read_line(study.directory).problem


def test_no_epochs_are_added_where_another_run_has_lost_lines(prepare: Make, tmp_path: Path) -> None:
    """Told in the log, and no end of the training."""
    made, control = prepare(**SETTINGS | {"runs": 2}), Control()
    study = new_study(tmp_path / "study", made)
    first, second = (directory for _, _, directory in study.runs())
    for seed, run in enumerate((first, second)):
        study.create_run("optimized", seed, run)
    assert train_run(first, made, "optimized", 0, Control())
    lines = (first / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (first / EVENTS_FILE).write_bytes(b"".join(lines[:2] + lines[3:]))
    control._requests.append(AddEpochs(epochs=1, author="test"))
    assert train_run(second, made, "optimized", 1, control)
    (refused,) = [event for event in RunReader(second).read() if isinstance(event, CommandRefused)]
    assert "no epochs can be added" in refused.reason
    assert "lines before it are missing" in refused.reason
