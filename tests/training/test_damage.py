"""Damaged files are told, or put right; never is another result made of them."""

from __future__ import annotations

import json
import random
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from hptui.config import Layer, resolve
from hptui.engines import RunPlan
from hptui.errors import HptuiError, RunDirectoryError, TrainingError
from hptui.reading.run_state import state_of
from hptui.reading.studies import follow
from hptui.record.events import CheckpointSaved, LogMended, RunCompleted
from hptui.record.predictions import PREDICTIONS_FILE, read_predictions
from hptui.record.run_directory import (
    BEST_FILE,
    CHECKPOINTS,
    DAMAGED_EVENTS_FILE,
    EVENTS_FILE,
    MODEL_FILE,
    RunFile,
    create_run,
    read_run_file,
)
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.seals import Origin
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import open_study
from hptui.record.wrong_images import WRONG_IMAGES_FILE, read_wrong_images
from hptui.training import Control, start_study
from hptui.training.planned_run import train_run as train_planned_run
from hptui.training.run.checkpoints import load_file, save_file

from .conftest import Once, Prepared, newest_checkpoint, train_run
from .test_exactness import StopAfter, assert_same, timeless

Make = Callable[..., Prepared]
FLIPS = 500


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of one run, changed by hand once."""
    folder = tmp_path_factory.mktemp("trained") / "study"
    settings = {"dataset": "digits", "model": "lenet", "epochs": 2, "runs": 1, "train_size": 200, "threads": 1}
    settings |= {"image_size": 16, "validation_size": 50, "test_size": 60}
    search = {"search": {"lr": "1e-3:1e-1:log:2"}, "baseline": "none", "horizon": 0.2}
    prepared = start_study(resolve([Layer("test", {"strategy": "grid"} | settings | search)]).config, folder)
    run = folder / "optimized-0"
    prepared.study.create_run("optimized", 0, run)
    # not by the study: once that is finished, it keeps no checkpoint
    assert train_planned_run(RunPlan(prepared.config, "optimized", 0, str(run)), Control(), prepared.inputs).completed
    save_steering(folder, Steering(2, {"lr": "1e-3:1e-2:log:2"}))
    return folder


def all_that_is_read(study: Path) -> list[Any]:
    """What all readers make of a study's files, in a form that can be compared."""
    run = study / "optimized-0"
    opened = open_study(study)
    plain: list[Any] = [opened.config, opened.id, opened.created, opened.fingerprint, opened.planned_cost]
    plain += [read_run_file(run), RunReader(run).read()]
    for model in ("final", "best"):
        for split in ("validation", "test"):
            found = read_predictions(run, model, split)  # type: ignore[arg-type]
            assert found is not None
            plain += [found.labels.tolist(), found.probabilities.tolist()]
    images = read_wrong_images(run)
    assert images is not None
    plain += [images.indices.tolist(), images.pixels.tolist()]
    content = [load_file(run / MODEL_FILE), load_file(run / BEST_FILE), newest_checkpoint(run)]
    return [*plain, str(as_plain(content))]


def as_plain(tree: Any) -> Any:
    match tree:
        case dict():
            return {key: as_plain(value) for key, value in tree.items()}
        case list() | tuple():
            return [as_plain(value) for value in tree]
        case torch.Tensor():
            return (str(tree.dtype), tree.tolist())
    return tree


def files_of(study: Path) -> list[Path]:
    return sorted(path for path in study.rglob("*") if path.is_file() and path.name != "lock" and path.stat().st_size)


def test_no_flipped_bit_gives_another_result(trained: Path, tmp_path: Path) -> None:
    study = shutil.copytree(trained, tmp_path / "study")
    whole, draw, told = all_that_is_read(study), random.Random(0), 0
    files = files_of(study)
    names = {path.name for path in files}
    assert names >= {"study.toml", "steering.json", "run.json", EVENTS_FILE, PREDICTIONS_FILE, WRONG_IMAGES_FILE}
    for number in range(FLIPS):
        path = files[number % len(files)]
        content = path.read_bytes()
        # the end of the last line has a test of its own: without it the line is one that is being written
        bit = draw.randrange(8 * (len(content) - (path.name == EVENTS_FILE)))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert all_that_is_read(study) == whole, f"bit {bit} of {path.name}"
        except HptuiError:
            told += 1
        path.write_bytes(content)
    assert told > 0.9 * FLIPS
    assert all_that_is_read(study) == whole


@pytest.mark.parametrize("bit", range(8))
def test_without_the_end_of_its_last_line_a_finished_run_is_called_lost(
    trained: Path, tmp_path: Path, bit: int
) -> None:
    run = shutil.copytree(trained, tmp_path / "study") / "optimized-0"
    *before, last = RunReader(run).read()
    log = run / EVENTS_FILE
    flipped = bytearray(log.read_bytes())
    flipped[-1] ^= 1 << bit
    log.write_bytes(flipped)
    assert RunReader(run).read() == before
    assert isinstance(last, RunCompleted)
    assert follow(run.parent).runs[0].status == "lost"


@pytest.mark.parametrize("name", [MODEL_FILE, BEST_FILE, PREDICTIONS_FILE, WRONG_IMAGES_FILE, "newest"])
def test_zeros_in_a_file_are_told(trained: Path, tmp_path: Path, name: str) -> None:
    study = shutil.copytree(trained, tmp_path / "study")
    run = study / "optimized-0"
    path = run / name if name != "newest" else next((run / CHECKPOINTS).iterdir())
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(len(content[middle : middle + 4096]))
    path.write_bytes(content)
    with pytest.raises(HptuiError, match="its checksum does not fit"):
        all_that_is_read(study)


@pytest.mark.parametrize("name", [MODEL_FILE, BEST_FILE, PREDICTIONS_FILE, "newest"])
@pytest.mark.parametrize(
    ("change", "words"), [({"seed": 7}, "-7"), ({"arm": "baseline"}, "baseline-"), ({"study": "x"}, "another study")]
)
def test_the_file_of_another_run_is_refused(
    trained: Path, tmp_path: Path, name: str, change: dict[str, Any], words: str
) -> None:
    """The same as a whole file of that other run under this run's name."""
    study = shutil.copytree(trained, tmp_path / "study")
    run = study / "optimized-0"
    other = msgspec.structs.replace(read_run_file(run), **change)
    (run / "run.json").unlink()
    create_run(run, other)
    for kept in {MODEL_FILE, BEST_FILE, PREDICTIONS_FILE} - {name}:
        (run / kept).unlink()
    with pytest.raises(HptuiError, match=f"is the file of optimized-0 at step .*, not of {other.arm}-{other.seed}"):
        read_predictions(run) if name == PREDICTIONS_FILE else (
            newest_checkpoint(run) if name == "newest" else load_file(run / name)
        )
    assert words in f"{other.arm}-{other.seed} another study"


def test_a_checkpoint_under_the_name_of_a_later_step_is_refused(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "study") / "optimized-0"
    (newest,) = (run / CHECKPOINTS).iterdir()
    newest.rename(run / CHECKPOINTS / "step-999999999.pt")
    with pytest.raises(TrainingError, match=r"step-999999999.pt is the checkpoint of optimized-0 at step \d"):
        newest_checkpoint(run)


@pytest.mark.parametrize("content", [{}, {"network": []}, {"network": {}, "snapshot": {}, "best": None, "kept": []}])
def test_a_file_of_another_shape_is_the_same_case(prepare: Make, tmp_path: Path, content: dict[str, Any]) -> None:
    made = prepare(epochs=3, strategy="fixed")
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(20))
    newest = sorted((tmp_path / CHECKPOINTS).iterdir())[-1]
    save_file(newest, content, read_run_file(tmp_path).origin(int(newest.stem[5:])))
    if "kept" in content:
        assert train_run(tmp_path, made, "optimized", 0, Control())  # from the one before
    else:
        with pytest.raises(TrainingError, match="older hptui"):
            train_run(tmp_path, made, "optimized", 0, Control())


def test_a_folder_in_the_place_of_a_checkpoint_is_the_same_case(prepare: Make, tmp_path: Path) -> None:
    made = prepare(epochs=3, strategy="fixed")
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(20))
    newest = sorted((tmp_path / CHECKPOINTS).iterdir())[-1]
    newest.unlink()
    newest.mkdir()
    assert train_run(tmp_path, made, "optimized", 0, Control())


def stopped_and_whole(once: Once, made: Prepared, folder: Path) -> tuple[Path, Path]:
    """A run that was stopped after 50 batches, and the same without a stop."""

    def both(new: Path) -> None:
        for name in ("stopped", "whole"):
            create_run(new / name, RunFile(1, "0", "optimized", 0, {}))
        assert not train_run(new / "stopped", made, "optimized", 0, StopAfter(50))
        assert train_run(new / "whole", made, "optimized", 0, Control())

    shutil.copytree(once("both", made, both), folder, dirs_exist_ok=True)
    return folder / "stopped", folder / "whole"


def facts(run: Path) -> list[Any]:
    """What a reader makes of a run's log: decisions with their candidates, and epochs."""
    state = state_of(RunReader(run).read())
    decisions = [event for one in state.decisions for event in (*one.candidates, one.chosen)]
    epochs = [
        event for one in state.epochs for event in (*one.evaluations.values(), one.completed) if event is not None
    ]
    return [timeless(event) for event in [*decisions, *epochs]]


def test_a_log_that_is_cut_before_a_checkpoint_is_put_back(prepare: Make, once: Once, tmp_path: Path) -> None:
    made = prepare(epochs=3, strategy="grid", log_every=20, decide_at=[2], search={"lr": "1e-3:1e-1:log:2"})
    stopped, whole = stopped_and_whole(once, made, tmp_path)
    log = (stopped / EVENTS_FILE).read_bytes()
    lines = log.splitlines(keepends=True)
    for cut in range(len(lines) - 2):
        run = shutil.copytree(stopped, tmp_path / f"cut-{cut}")
        (run / EVENTS_FILE).write_bytes(b"".join(lines[:cut]))
        assert train_run(run, made, "optimized", 0, Control())
        assert (run / EVENTS_FILE).read_bytes().startswith(b"".join(lines[:-2])), cut
        assert_same(load_file(run / MODEL_FILE), load_file(whole / MODEL_FILE))
        (mended,) = [event for event in RunReader(run).read() if isinstance(event, LogMended)]
        assert (mended.restored, mended.removed) == (len(lines) - 2 - cut, 0)


@pytest.mark.parametrize("lose", ["remove", "empty", "holes", "bad line", "bad last line"])
def test_a_log_that_is_lost_or_damaged_begins_nothing_anew(
    prepare: Make, once: Once, tmp_path: Path, lose: str
) -> None:
    made = prepare(epochs=3)
    run, whole = stopped_and_whole(once, made, tmp_path)
    log = run / EVENTS_FILE
    damaged = log.read_bytes()
    lines = damaged.splitlines(keepends=True)
    match lose:
        case "remove":
            log.unlink()
        case "empty":
            log.write_bytes(b"")
        case "holes":
            log.write_bytes(b"".join(lines[::2]))
        case "bad line":
            log.write_bytes(b"".join([*lines[:3], b"what\n", *lines[3:]]))
        case "bad last line":
            log.write_bytes(b"".join([*lines, b"what\n"]))
    damaged = log.read_bytes() if log.exists() else b""
    assert train_run(run, made, "optimized", 0, Control())
    assert_same(load_file(run / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert facts(run) == facts(whole)
    assert (run / DAMAGED_EVENTS_FILE).exists() == bool(damaged)
    if damaged:
        assert (run / DAMAGED_EVENTS_FILE).read_bytes() == damaged


def test_a_whole_log_is_left_as_it_is(prepare: Make, once: Once, tmp_path: Path) -> None:
    made = prepare(epochs=3)
    run, _ = stopped_and_whole(once, made, tmp_path)
    log = (run / EVENTS_FILE).read_bytes()
    assert train_run(run, made, "optimized", 0, Control())
    assert (run / EVENTS_FILE).read_bytes().startswith(log)
    assert not [event for event in RunReader(run).read() if isinstance(event, LogMended)]
    assert not (run / DAMAGED_EVENTS_FILE).exists()


def test_a_finished_run_that_lost_its_last_lines_is_completed_again(prepare: Make, tmp_path: Path) -> None:
    made = prepare(epochs=2)
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert train_run(tmp_path, made, "optimized", 0, Control())
    before, weights = facts(tmp_path), load_file(tmp_path / MODEL_FILE)
    lines = (tmp_path / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / EVENTS_FILE).write_bytes(b"".join(lines[:-6]))
    assert train_run(tmp_path, made, "optimized", 0, Control())
    assert facts(tmp_path) == before
    assert isinstance(RunReader(tmp_path).read()[-1], RunCompleted)
    assert_same(load_file(tmp_path / MODEL_FILE), weights)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_log_that_is_taken_away_while_it_is_written_is_told(prepare: Make, tmp_path: Path, how: str) -> None:
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    log = tmp_path / EVENTS_FILE
    with RunWriter(tmp_path) as writer:
        writer.append(CheckpointSaved(epoch=0, step=0, file="a"))
        log.unlink()
        if how == "replaced":
            log.write_bytes(b"")
        with pytest.raises(TrainingError, match=r"was removed or cut while it was written; hptui resume puts it back"):
            writer.append(CheckpointSaved(epoch=0, step=0, file="a"))


def test_a_log_of_another_run_is_told(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "study") / "optimized-0"
    lines = (run / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    first = json.loads(lines[0]) | {"seed": 3}
    del first["crc"]
    (run / EVENTS_FILE).write_bytes(b"".join([json.dumps(first, separators=(",", ":")).encode() + b"\n", *lines[1:]]))
    with pytest.raises(RunDirectoryError, match=r"events.jsonl is the log of optimized-3, not of optimized-0"):
        RunReader(run).read()


def test_study_toml_cut_anywhere_is_told(trained: Path, tmp_path: Path) -> None:
    study = shutil.copytree(trained, tmp_path / "study")
    whole = (study / "study.toml").read_bytes()
    for length in range(len(whole) - 1):
        (study / "study.toml").write_bytes(whole[:length])
        with pytest.raises(RunDirectoryError):
            open_study(study)


def test_a_full_disk_is_told_in_the_system_s_words(tmp_path: Path) -> None:
    """A limit of the process stands for it: Python ignores its signal, and the write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TrainingError, match=r"cannot write .*model.pt: File too large\."):
            save_file(tmp_path / MODEL_FILE, {"network": torch.zeros(100_000)}, Origin("", "baseline", 0, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_archives_of_an_older_hptui_are_checked_by_their_own_checksums(tmp_path: Path) -> None:
    path = tmp_path / MODEL_FILE
    torch.save({"network": {"w": torch.arange(1000.0)}}, path)
    assert load_file(path)["network"]["w"][-1] == 999
    content = bytearray(path.read_bytes())
    place = content.index(np.float32(500).tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunDirectoryError, match="its checksum does not fit"):
        load_file(path)
