"""Report and export of a study of somebody who means harm: nothing leads out of its folder or acts in a reader."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from fabricate import (
    AXIS,
    candidate_scored,
    checkpoint_saved,
    chosen,
    decision_started,
    make_study,
    run_started,
    trained_epoch,
    write_run,
)
from hostile import EVIL, hostile_studies, obeyed
from msgspec.structs import replace

import hptui.export
from hptui.__main__ import main
from hptui.export import export
from hptui.reading.studies import follow
from hptui.record.events import RunFailed
from hptui.report import page


@pytest.mark.parametrize("name", ["failed", "done", "other"])
def test_no_page_and_no_picture_has_what_a_reader_would_obey(tmp_path: Path, name: str) -> None:
    hostile_studies(tmp_path)
    (study,) = tmp_path.glob(f"{name}*")
    content = page(follow(study))
    assert "owned" in content
    assert obeyed(content) == []
    for picture in re.findall(r"base64,([A-Za-z0-9+/=]+)", content):
        assert obeyed(base64.b64decode(picture).decode("utf-8", "replace")) == []


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_names_in_a_log_lead_out_of_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of hyperparameters, checkpoints, classes and arms, in what hptui writes and removes."""
    out = "../../../evil"
    study = make_study(tmp_path / "deep" / "study", search={"lr": "1e-3:1e-1:log:3"})
    axis = replace(AXIS, name=out)
    values = {out: 0.01, "lr": 0.01}
    events = [
        run_started(class_names=[out, "/etc/evil", "c"], dataset=out, model=out, searched=[axis], values=values),
        decision_started(axes=[axis], values=values),
        *(candidate_scored(candidate=n, values={out: value, "lr": 0.1}) for n, value in enumerate(axis.values)),
        chosen(values=values, candidate=1),
        *trained_epoch(1),
        replace(checkpoint_saved(1), file=out),
        RunFailed(error=f"{out}</script><script>"),
    ]
    write_run(study, "optimized", 0, events)
    before = files(tmp_path)
    export(follow(study.directory), study.directory / "export", ["csv", "svg"], each_decision=True, titles=False)
    for command in (["report"], ["compare"], ["clean", "--yes"], ["list"]):
        main([command[0], str(study.directory), *command[1:]])
    new = files(tmp_path) - before
    assert new
    assert all(
        path.parts[:2] == ("deep", "study") and path.parts[2] in ("export", "report.html", "lock") for path in new
    )
    assert before <= files(tmp_path)
    assert "<script" not in (study.directory / "report.html").read_text("utf-8")


def test_a_captions_file_says_nothing_that_a_terminal_obeys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hptui.export._DrawnOnce, "write", lambda once, kind, file: None)
    hostile_studies(tmp_path)
    (study,) = tmp_path.glob("done*")
    export(follow(study), tmp_path / "to", ["svg"], titles=False)
    text = (tmp_path / "to" / "captions.txt").read_text("utf-8")
    assert EVIL not in text
    assert obeyed(text) == []
