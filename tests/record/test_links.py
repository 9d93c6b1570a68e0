"""Nothing is written through a link at a file's own place, and into no file with a second name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fabricate import configuration, finished_study, make_study, run_started, trained_epoch, whole_run, write_run

from hptui.errors import HptuiError
from hptui.export import export
from hptui.reading.studies import follow
from hptui.record.events import RunPaused
from hptui.record.files import open_to_append, replace_file
from hptui.record.mending import mend_logs
from hptui.record.notes import write_note
from hptui.record.predictions import write_predictions
from hptui.record.presence import Presence
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import Study, create_study
from hptui.record.wrong_images import WrongPixels, write_wrong_images
from hptui.report import write_report

SECRET = b"a key\nof mine"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file outside of any study."""
    path = tmp_path / "victim"
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = make_study(tmp_path / "study")
    write_run(made, "optimized", 0, [run_started(), *trained_epoch(1)])
    return made


def linked(path: Path, to: Path) -> Path:
    path.unlink(missing_ok=True)
    path.symlink_to(to)
    return path


def append(study: Study) -> None:
    with RunWriter(study.directory / "optimized-0") as writer:
        writer.append(RunPaused(by="me"))


@pytest.mark.parametrize("open_log", [mend_logs, append])
@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_log_that_is_a_link_is_refused(
    study: Study, victim: Path, target: str, open_log: Callable[[Study], object]
) -> None:
    log = linked(study.directory / "optimized-0" / "events.jsonl", victim.with_name(target))
    with pytest.raises(HptuiError, match=r"events\.jsonl: it is a link, through which hptui writes nothing") as caught:
        open_log(study)
    assert "\n" not in str(caught.value)
    assert victim.read_bytes() == SECRET
    assert not victim.with_name("nowhere").exists()
    assert log.is_symlink()
    assert not (log.parent / "events.damaged.jsonl").exists()  # nor is the content copied


def test_a_log_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match="it is no file"):
        open_to_append(tmp_path / "log")


def test_a_log_with_a_second_name_is_copied_before_it_grows(study: Study, tmp_path: Path) -> None:
    """As in a backup of hard links, which stays what it was."""
    log = study.directory / "optimized-0" / "events.jsonl"
    (tmp_path / "backup").hardlink_to(log)
    before = log.read_bytes()
    append(study)
    assert (tmp_path / "backup").read_bytes() == before
    assert log.read_bytes().startswith(before)
    assert isinstance(RunReader(log.parent).read()[-1], RunPaused)


def test_a_log_with_a_second_name_is_copied_before_it_is_mended(study: Study, tmp_path: Path) -> None:
    log = study.directory / "optimized-0" / "events.jsonl"
    with log.open("ab") as file:
        file.write(b"damage\n")
    (tmp_path / "backup").hardlink_to(log)
    before = log.read_bytes()
    mend_logs(study)
    assert (tmp_path / "backup").read_bytes() == before
    assert log.read_bytes() != before


REPLACED: dict[str, Callable[[Study, Path], object]] = {
    "steering.json": lambda study, _: save_steering(study.directory, Steering(3, {})),
    "note.txt": lambda study, _: write_note(study.directory, "a note"),
    "report.html": lambda study, path: write_report(follow(study.directory), path),
    "export/epochs.csv": lambda study, path: export(follow(study.directory), path.parent, ["csv"]),
    "export/learning-curves.png": lambda study, path: export(follow(study.directory), path.parent, ["png"]),
    "export/captions.txt": lambda study, path: export(follow(study.directory), path.parent, ["svg"], titles=False),
    "heartbeat.json": lambda study, _: Presence(study.directory).__enter__().__exit__(None, None, None),
    "optimized-0/predictions.npz": lambda study, path: write_predictions(path.parent, {}),
    "optimized-0/wrong_images.npz": lambda study, path: write_wrong_images(path.parent, no_images()),
    "optimized-0/events.damaged.jsonl": lambda study, path: (damage(path.parent), mend_logs(study)),
}


def no_images() -> WrongPixels:
    return WrongPixels(np.zeros(0, np.int64), np.zeros((0, 1, 2, 2), np.uint8))


def damage(run: Path) -> None:
    with (run / "events.jsonl").open("ab") as file:
        file.write(b"damage\n")


@pytest.mark.parametrize("name", REPLACED)
@pytest.mark.parametrize("partial", [False, True])
def test_a_file_that_is_replaced_takes_the_place_of_a_link(
    study: Study, victim: Path, name: str, partial: bool
) -> None:
    """The link goes, what it leads to stays; so it is where the half-written file would be."""
    path = study.directory / name
    path.parent.mkdir(exist_ok=True)
    linked(path.with_name(f".{path.name}.{os.getpid()}.partial") if partial else path, victim)
    REPLACED[name](study, path)
    assert victim.read_bytes() == SECRET
    assert not path.is_symlink()
    assert not list(path.parent.glob(".*.partial"))


def test_a_lock_that_is_a_link_is_refused(study: Study, victim: Path) -> None:
    linked(study.directory / "lock", victim)
    with pytest.raises(HptuiError), Presence(study.directory):
        pass
    assert victim.read_bytes() == SECRET


def test_a_new_study_copies_no_code_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "net.py").write_text("Net = 3")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / f".sources.{os.getpid()}.partial").symlink_to(outside)
    config = configuration(model=f"{tmp_path}/net.py:Net", out=str(tmp_path / "new"))
    create_study(tmp_path / "new", config, "f" * 64, {})
    assert list(outside.iterdir()) == []
    assert (tmp_path / "new" / "sources" / "model" / "net.py").read_text() == "Net = 3"
    assert not (tmp_path / "new" / "sources").is_symlink()


def test_a_folder_may_be_reached_through_a_link(tmp_path: Path) -> None:
    """A link to a study, and to a run, that the user made: only files are taken at their own place."""
    made = make_study(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_run(made, "optimized", 0, [run_started(), *trained_epoch(1)])
    (tmp_path / "real" / "optimized-0").rename(tmp_path / "elsewhere")
    (tmp_path / "real" / "optimized-0").symlink_to(tmp_path / "elsewhere")
    with RunWriter(tmp_path / "link" / "optimized-0") as writer:
        writer.append(RunPaused(by="me"))
    assert isinstance(RunReader(tmp_path / "elsewhere").read()[-1], RunPaused)


def test_a_finished_study_can_be_looked_at_through_links(tmp_path: Path) -> None:
    finished_study(tmp_path / "s", [0.5], [0.6])
    log = tmp_path / "s" / "optimized-0" / "events.jsonl"
    log.rename(tmp_path / "log")
    log.symlink_to(tmp_path / "log")
    assert len(follow(tmp_path / "s").runs[1].state.epochs) == 2
    assert len(RunReader(log.parent).read()) == len(whole_run())


def test_replacing_a_link_leaves_what_it_leads_to(victim: Path, tmp_path: Path) -> None:
    replace_file(linked(tmp_path / "link", victim), b"new")
    assert (victim.read_bytes(), (tmp_path / "link").read_bytes()) == (SECRET, b"new")
