"""Half-written files of killed processes: removed by the next writer, and only those."""

from __future__ import annotations

import os
from pathlib import Path

from hptui.record.left_overs import remove_left_overs_of_run, remove_left_overs_of_study
from hptui.record.presence import HEARTBEAT
from hptui.record.run_writer import RunWriter


def test_the_next_writer_of_a_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    names = [
        "model.pt",
        "best.pt",
        "predictions.npz",
        "wrong_images.npz",
        "run.json",
        "heartbeat.json",
        "lock",
        "checkpoints/step-000000010.pt",
    ]
    for name in names:
        path = tmp_path / name
        path.with_name(f".{path.name}.4711.partial").touch()
    mine = [".thesis.tex.4711.partial", ".model.pt.partial", "model.pt.4711.partial", ".model.pt.4711.partial.bak"]
    for name in mine:
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").touch()
    (tmp_path / ".model.pt.1.partial").symlink_to(tmp_path / "elsewhere")
    with RunWriter(tmp_path):
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*partial*")}
    assert left == {*mine, ".model.pt.1.partial"}
    assert (tmp_path / "elsewhere").exists()


def test_of_a_study_what_its_writer_left_but_not_what_others_are_writing(tmp_path: Path) -> None:
    (tmp_path / ".sources.4711.partial" / "model").mkdir(parents=True)
    (tmp_path / ".sources.4711.partial" / "model" / "net.py").touch()
    for name in (".study.toml.4711.partial", ".steering.json.12.partial"):
        (tmp_path / name).touch()
    others = [".note.txt.4711.partial", ".report.html.4711.partial"]
    for name in others:
        (tmp_path / name).touch()
    remove_left_overs_of_study(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == others


def test_what_this_process_is_writing_stays(tmp_path: Path) -> None:
    own = tmp_path / f".{HEARTBEAT}.{os.getpid()}.partial"
    own.touch()
    remove_left_overs_of_run(tmp_path)
    assert own.exists()


def test_a_checkpoints_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".step-1.pt.9.partial").touch()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "elsewhere")
    remove_left_overs_of_run(tmp_path / "run")
    assert list((tmp_path / "elsewhere").iterdir())
