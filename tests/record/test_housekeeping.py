"""Studies renamed, cleaned and deleted: what goes, what stays, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricate import finished_study, make_study, run_started, trained_epoch, whole_run, write_run

from hptui.errors import RunDirectoryError
from hptui.reading.comparison import compare
from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import details
from hptui.reading.studies import follow
from hptui.record.contents import contents, needless, size_of
from hptui.record.events import RunStopped
from hptui.record.housekeeping import clean_study, delete_study, rename_study
from hptui.record.housekeeping_words import clean_question, delete_question, disk_words
from hptui.record.machine_paths import recall_paths
from hptui.record.notes import read_note, write_note
from hptui.record.presence import HEARTBEAT, Presence
from hptui.record.sizes import in_bytes
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import DiskUse, Study, create_study, open_study


def checkpoint(run: Path, size: int = 1000, name: str = "step-000000010.pt") -> Path:
    path = run / "checkpoints" / name
    path.write_bytes(b"x" * size)
    return path


def half_done(directory: Path) -> Study:
    """One run of a pair is completed, the other was stopped; both have a checkpoint."""
    study = make_study(directory)
    checkpoint(write_run(study, "baseline", 0, whole_run("baseline")))
    events = [run_started(), *trained_epoch(1), RunStopped(reason="SIGINT", epoch=1, step=5)]
    checkpoint(write_run(study, "optimized", 0, events), 2000)
    return study


def there(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


# ---- clean


def test_only_checkpoints_of_completed_runs_are_cleaned(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    before = compare(follow(study.directory))
    assert clean_study(study.directory) == 1000
    assert not list((study.directory / "baseline-0" / "checkpoints").iterdir())
    assert len(list((study.directory / "optimized-0" / "checkpoints").iterdir())) == 1
    assert compare(follow(study.directory)) == before
    assert clean_study(study.directory) == 0


def test_a_run_that_is_to_have_more_epochs_keeps_its_checkpoint(tmp_path: Path) -> None:
    """Epochs were added after it was done: resuming the study goes on from there."""
    study = half_done(tmp_path / "s")
    save_steering(study.directory, Steering(epochs=9, search=study.config.search))
    assert needless(open_study(study.directory)) == {}
    assert clean_study(study.directory) == 0
    words, concerned = clean_question([study.directory])
    assert concerned == []
    assert "nothing to clean" in words


def test_halves_that_a_killed_process_left_are_cleaned(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    for path in (study.directory / ".sources.1.partial" / "x.py", study.directory / "baseline-0" / ".model.pt.partial"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"12345")
    assert clean_study(study.directory) == 1010


def test_cleaning_says_before_what_goes_and_how_much(tmp_path: Path) -> None:
    finished = finished_study(tmp_path / "a", [0.5], [0.6])
    checkpoint(finished.directory / "baseline-0", 225_000_000)
    half_done(tmp_path / "b")
    (tmp_path / "c").mkdir()
    words, concerned = clean_question([tmp_path / name for name in "abc"])
    assert concerned == [tmp_path / "a", tmp_path / "b"]
    assert words.startswith("Remove 225 MB of checkpoints of finished runs from 2 studies?")
    assert "a: 225 MB" in words
    assert "not c: " in words
    assert (finished.directory / "baseline-0" / "checkpoints" / "step-000000010.pt").exists()


# ---- delete


def test_a_deleted_study_is_gone_with_what_the_machine_knew_of_it(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: ...\n", "utf-8")
    study = make_study(tmp_path / "s", model=f"{tmp_path / 'net.py'}:Net")
    write_run(study, "optimized", 0, whole_run())
    for name in ("export/heatmap.png", "commands/me-1-1.jsonl", "report.html", "note.txt", "lock"):
        (study.directory / name).parent.mkdir(exist_ok=True)
        (study.directory / name).write_text("x", "utf-8")
    assert recall_paths(study.id)
    assert delete_study(study.directory) == []
    assert not study.directory.exists()
    assert recall_paths(study.id) == {}
    assert (tmp_path / "net.py").exists()


def test_files_of_others_stay_and_are_named_before(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    own = [study.directory / name for name in ("thesis.tex", "baseline-0/plot.py", "pictures/one.png")]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine", "utf-8")
    words, concerned = delete_question([study.directory])
    assert concerned == [study.directory]
    assert "baseline-0/plot.py, pictures/one.png, thesis.tex, not of hptui, stay" in words
    assert sorted(delete_study(study.directory)) == sorted(own)
    assert there(study.directory) == {"thesis.tex", "baseline-0", "baseline-0/plot.py", "pictures", "pictures/one.png"}


def test_nothing_behind_a_link_is_touched(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "step-000000010.pt").write_bytes(b"x" * 50_000)
    folder = study.directory / "baseline-0" / "checkpoints"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.symlink_to(outside)
    (study.directory / "export").symlink_to(outside)
    assert size_of(study.directory) < 50_000
    assert clean_study(study.directory) == 0
    delete_study(study.directory)
    assert not study.directory.exists()
    assert (outside / "step-000000010.pt").exists()


def link(directory: Path) -> Path:
    make_study(directory / "real")
    (directory / "link").symlink_to(directory / "real")
    return directory / "link"


def somebody_elses(directory: Path) -> Path:
    (directory / "other").mkdir()
    (directory / "other" / "study.toml").write_text("title = 'mine'\n", "utf-8")
    return directory / "other"


def no_study(directory: Path) -> Path:
    (directory / "plain").mkdir()
    (directory / "plain" / "data.csv").touch()
    return directory / "plain"


@pytest.mark.parametrize("act", [delete_study, clean_study, lambda path: rename_study(path, "new")])
@pytest.mark.parametrize("make", [link, somebody_elses, no_study])
def test_only_a_folder_that_hptui_made_is_touched(
    tmp_path: Path, make: Callable[[Path], Path], act: Callable[[Path], object]
) -> None:
    directory = make(tmp_path)
    before = there(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"is a link|did not write|is not a study"):
        act(directory)
    assert there(tmp_path) == before


@pytest.mark.parametrize("act", [delete_study, clean_study, lambda path: rename_study(path, "new")])
@pytest.mark.parametrize("where", [".", "optimized-0"])
def test_a_study_that_is_trained_is_left_alone(tmp_path: Path, where: str, act: Callable[[Path], object]) -> None:
    study = half_done(tmp_path / "s")
    with Presence(study.directory / where):
        before = there(study.directory) - {"lock"}
        with pytest.raises(RunDirectoryError, match="is being written by process"):
            act(study.directory)
        assert there(study.directory) - {"lock"} == before
    assert open_study(study.directory).id == study.id


def test_a_study_that_cannot_be_read_can_be_deleted(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    with (study.directory / "study.toml").open("ab") as file:
        file.write(b"= = =")
    with pytest.raises(RunDirectoryError):
        open_study(study.directory)
    assert delete_study(study.directory) == []
    assert not study.directory.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_leaves_a_study_that_can_be_deleted_again(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    locked = study.directory / "optimized-0"
    locked.chmod(0o500)
    with pytest.raises(RunDirectoryError, match="cannot remove"):
        delete_study(study.directory)
    assert open_study(study.directory).id == study.id
    locked.chmod(0o700)
    delete_study(study.directory)
    assert not study.directory.exists()


# ---- rename


def test_a_renamed_study_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: ...\n", "utf-8")
    study = finished_study(tmp_path / "old", [0.5, 0.6], [0.6, 0.8], model=f"{tmp_path / 'net.py'}:Net")
    write_note(study.directory, "the first")
    places, before = recall_paths(study.id), compare(follow(study.directory))
    renamed = rename_study(study.directory, "new name")
    assert renamed == tmp_path / "new name"
    assert not study.directory.exists()
    after = compare(follow(renamed))
    assert (after.baseline, after.difference) == (before.baseline, before.difference)
    assert after.study == "new name"
    assert read_note(renamed) == "the first"
    assert recall_paths(open_study(renamed).id) == places
    assert not (renamed / HEARTBEAT).exists()
    with Presence(renamed):
        pass


@pytest.mark.parametrize("name", ["", " ", ".", "..", ".x", "a/b", "a\\b", "-x", "~x", "a\nb", "\x1b[31m"])
def test_a_name_that_no_folder_or_command_can_have_is_refused(tmp_path: Path, name: str) -> None:
    study = make_study(tmp_path / "s")
    with pytest.raises(RunDirectoryError, match="cannot be a study's name"):
        rename_study(study.directory, name)
    assert study.directory.exists()


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    one, other = make_study(tmp_path / "one"), make_study(tmp_path / "other")
    with pytest.raises(RunDirectoryError, match="there is already something called"):
        rename_study(one.directory, "other")
    assert open_study(tmp_path / "other").id == other.id


# ---- notes and sizes


def test_a_note_is_kept_changed_and_taken_away(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s")
    assert read_note(study.directory) == ""
    write_note(study.directory, "  rate too high é\nagain with less ")
    assert read_note(study.directory) == "rate too high é\nagain with less"
    write_note(study.directory, "")
    assert not (study.directory / "note.txt").exists()
    with pytest.raises(RunDirectoryError, match="5000 characters"):
        write_note(study.directory, "x" * 5000)


def test_a_note_that_is_no_text_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"caf\xe9")
    assert read_note(tmp_path) == "caf\ufffd"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        *((0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (9949, "9.9 KB"), (9951, "10 KB"), (340_000_000, "340 MB")),
        *((999_600_000, "1.0 GB"), (2_300_000_000, "2.3 GB"), (5e15, "5000 TB")),
    ],
)
def test_sizes_are_said_in_two_or_three_digits(size: float, words: str) -> None:
    assert in_bytes(size) == words


def test_the_size_of_a_study_is_that_of_its_files(tmp_path: Path) -> None:
    study = half_done(tmp_path / "s")
    files = sum(path.stat().st_size for path in study.directory.rglob("*") if path.is_file())
    assert size_of(study.directory) == files == contents(study.directory).size > 3000


def test_what_a_study_will_keep_is_told_before(tmp_path: Path) -> None:
    study = make_study(tmp_path / "old", runs=10)
    assert disk_words(study) == ""  # an older hptui did not plan it
    planned = DiskUse(kept=90_000_000, checkpoint=225_000_000)
    study = create_study(tmp_path / "s", study.config, "f" * 64, study.planned_cost, disk=planned)
    words = disk_words(open_study(study.directory))
    assert words.startswith("keeps about 90 MB a run, 1.8 GB in all; until it is finished also checkpoints, about 225")
    assert " are free" in words
    assert "on disk (finished about 1.8 GB)" in " ".join(details(StudyReader(tmp_path).read()[0]))
