"""The page of a report: everything on it, nothing unescaped, and what it says of a study that is not whole."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import numpy as np
import pytest
from answers import answered_study
from fabricate import (
    AXIS,
    candidate_scored,
    chosen,
    configuration,
    decision,
    decision_started,
    finished_study,
    make_study,
    python,
    run_completed,
    run_started,
    trained_epoch,
    two_class_study,
    whole_run,
    write_run,
)
from html_page import Page
from matplotlib.figure import Figure

from hptui.__main__ import main
from hptui.export.pictures import Picture
from hptui.reading.studies import follow
from hptui.record.data_summary import DataSummary, SplitSummary
from hptui.record.events import Axis, CommandRefused, RunFailed, RunStopped
from hptui.record.predictions import PREDICTIONS_FILE, read_predictions, write_predictions
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import create_study
from hptui.report import page
from hptui.report import pictures as pictures_of_report
from hptui.report.paths import without_folders
from hptui.report.pictures import chosen_pictures

SCRIPT = "<script>alert('x')</script>"
UNDRAWN = "data:image/svg+xml;base64,"


def read(directory: Path) -> Page:
    return Page(page(follow(directory)))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are empty: of pages that are looked at for their words, drawing is nine tenths of the work."""
    monkeypatch.setattr(pictures_of_report, "data_of", lambda picture: UNDRAWN)


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    answered_study(tmp_path / "s", [1.0] * 2, [1.5, 1.6])
    found = read(tmp_path / "s")
    assert found.open == []
    assert found.tags.count("title") == found.tags.count("h1") == found.tags.count("body") == 1
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    assert found.sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in found.sources)
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert any(value is not None and value.startswith("default-src 'none'") for _, value in found.attributes)


def test_the_pictures_are_those_of_an_export(tmp_path: Path) -> None:
    from hptui.export.pictures import pictures

    answered_study(tmp_path / "s", [1.0, 1.1], [1.5, 1.6])
    names = [picture.name for picture in pictures(follow(tmp_path / "s"))]
    found = read(tmp_path / "s")
    assert [value for name, value in found.attributes if name == "alt"] == names
    assert {"accuracies", "roc", "confusion"} <= set(names)
    for source in found.sources:
        drawing = ET.fromstring(base64.b64decode(source.partition(",")[2]))
        assert drawing.tag.endswith("svg")
        assert float(drawing.attrib["width"].removesuffix("pt")) > 100


def page_of_heatmaps(run: str, number: int) -> Picture:
    return Picture(f"heatmaps-{run}-page{number}", Figure, run)


@pytest.mark.parametrize(
    ("runs", "pages", "kept", "left"),
    [
        (3, 2, ["page1", "page2"], []),
        (3, 9, ["page1", "page9"], ["21 of 27 pages of heatmaps are left out here; hptui export draws them all"]),
        (20, 9, ["page9"], ["160 of 180 pages of heatmaps are left out here; hptui export draws them all"]),
        (100, 1, ["page1"], ["76 of 100 pages of heatmaps are left out here; hptui export draws them all"]),
        (0, 0, [], []),
    ],
)
def test_a_page_holds_only_so_many_heatmaps(runs: int, pages: int, kept: list[str], left: list[str]) -> None:
    offered = [page_of_heatmaps(f"optimized-{run}", number + 1) for run in range(runs) for number in range(pages)]
    chosen, told = chosen_pictures([Picture("cost", Figure), *offered])
    assert chosen[0].name == "cost"
    assert [picture.name for picture in chosen[1:]] == [
        f"heatmaps-optimized-{run}-{page}" for run in range(runs) for page in kept
    ][:24]
    assert told == left


def test_a_page_shows_the_images_that_the_first_pair_gets_most_wrong() -> None:
    sheets = [Picture(f"most-wrong-optimized-{run}", Figure, of_images=True) for run in range(5)]
    chosen, told = chosen_pictures([Picture("cost", Figure), *sheets])
    assert [picture.name for picture in chosen] == ["cost", "most-wrong-optimized-0", "most-wrong-optimized-1"]
    (left,) = told
    assert left.startswith("3 of 5 sheets of images that a run gets most wrong are left out here")
    assert chosen_pictures(sheets[:2]) == (sheets[:2], [])


def test_many_decisions_are_left_out_and_many_cells_are_a_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = pictures_of_report.data_of
    monkeypatch.setattr(
        pictures_of_report, "data_of", lambda picture: draw(picture) if "heatmaps" in picture.name else UNDRAWN
    )
    axes = [AXIS, Axis(name="weight_decay", low=0.0, high=1.0, scale="linear", values=[n / 69 for n in range(70)])]
    study = make_study(tmp_path / "s", epochs=25, baseline="none")
    events = [run_started(epochs=25)]
    for epoch in range(1, 26):
        cells = {"axes": axes} if epoch < 13 else {}
        events += [decision_started(epoch - 1, epoch, **cells), candidate_scored(epoch - 1), chosen(epoch - 1, epoch)]
        events += trained_epoch(epoch)
    write_run(study, "optimized", 0, [*events, run_completed(25)])
    found = read(tmp_path / "s")
    assert "1 of 3 pages of heatmaps are left out here; hptui export draws them all" in found.text
    names = [value for name, value in found.attributes if name == "alt"]
    media = {name: source.partition(";")[0] for name, source in zip(names, found.sources, strict=True)}
    assert {name: kind for name, kind in media.items() if "heatmaps" in name} == {
        "heatmaps-optimized-0-page1": "data:image/png",
        "heatmaps-optimized-0-page3": "data:image/svg+xml",
    }


def test_what_the_page_says_of_a_finished_study(undrawn: None, tmp_path: Path) -> None:
    answered_study(tmp_path / "s", [1.0, 1.1, 0.9, 1.0], [1.8, 1.7, 2.0, 1.9], class_names=("healthy", "ill"))
    found = read(tmp_path / "s")
    headings = ["Result", "Metrics", "Figures", "Runs", "Decisions", "Configuration", "Versions", "Repeat it"]
    places = [found.text.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert "Over 4 pairs the optimized runs are better by" in found.text
    assert found.row("optimized", "grid")[2] == "4/4"
    assert len(found.row("AUC")) == 6
    assert "-" not in found.row("AUC")
    assert found.row("baseline", "ill")[2].isdigit()
    assert found.row("optimized-3")[1] == "finished"
    assert found.row("1", "lr 0.01, weight_decay 0, momentum 0.9, batch_size 20")[2:5] == ["lowest", "3", "0"]
    assert found.row("epochs", "2")[2] == "set for this study"
    assert found.row("horizon")[2] == "default"
    assert found.row("0", "cpu")[2] == "python 3"
    assert found.row("trainable weights") == ["trainable weights", "7"]
    assert "Missing" not in found.text


def test_the_images_that_were_read_have_a_section(undrawn: None, tmp_path: Path) -> None:
    splits = {"train": SplitSummary([1200, 34], 56), "validation": SplitSummary([20, 5]), "test": SplitSummary([40, 9])}
    data = DataSummary(
        *("cells", ["benign", "<b>malignant"], splits, 1, 64, 48, "uint16", 12, 4095, 800.5, 99),
        levels=3000,
        repeated=2,
        notes=["left out, hidden: 1 (.DS_Store)"],
    )
    create_study(tmp_path / "s", configuration(), "0" * 64, {"baseline": 1.0, "optimized": 1.5}, data=data)
    found = read(tmp_path / "s")
    assert "data cells: 1,308 images of 64 x 48, grey, uint16, intensities 12 to 4095 (mean 800.5, sd 99" in found.text
    assert "left out, hidden: 1 (.DS_Store)" in found.text
    assert "2 training images equal another one" in found.text
    assert found.row("<b>malignant") == ["<b>malignant", "34", "5", "9"]
    assert found.row("groups") == ["groups", "56", "-", "-"]
    make_study(tmp_path / "before")
    assert "Images of each class" not in read(tmp_path / "before").text


def test_whatever_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    """The study's and the classes' names, reasons, errors, requests, versions, and the data's name."""
    name = "<script>alert(1)<&script>"  # no folder can have a slash in its name
    study = make_study(tmp_path / name, runs=2)
    facts = {
        "class_names": [SCRIPT, '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}"],
        "dataset": SCRIPT,
        "versions": {SCRIPT: SCRIPT},
        "device": SCRIPT,
        "hptui": SCRIPT,
        "optimizer": SCRIPT,
        "model": SCRIPT,
    }
    started, *rest = whole_run()
    write_run(study, "optimized", 0, [msgspec.structs.replace(started, **facts), *rest])
    write_run(
        study,
        "optimized",
        1,
        [
            run_started(seed=1, **facts),
            decision_started(),
            chosen(reason=SCRIPT),
            CommandRefused(by=SCRIPT, reason=SCRIPT),
            *trained_epoch(1),
            RunFailed(error=SCRIPT),
        ],
    )
    write_run(study, "baseline", 0, [run_started(arm="baseline"), RunStopped(reason=SCRIPT, epoch=0, step=0)])
    content = page(follow(tmp_path / name))
    assert "<script" not in content
    assert content.count("&lt;script&gt;") >= 10
    found = Page(content)
    assert found.open == []
    assert "script" not in found.tags
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert found.text.count(SCRIPT) >= 10
    assert "{{ 7 * 7 }}" in found.text
    assert all(source.startswith("data:") for source in found.sources)


def test_a_running_study_says_what_is_missing(undrawn: None, tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=2)
    write_run(study, "baseline", 0, whole_run("baseline"))
    write_run(study, "optimized", 0, [run_started(), *decision(0, 1), *trained_epoch(1), *decision(1, 2)[:3]])
    found = read(tmp_path / "s")
    assert "No pair of runs is completed yet" in found.text
    assert "the end of 3 of 4 runs: optimized-0 (lost), baseline-1 (waiting), optimized-1 (waiting)" in found.text
    assert "AUC of baseline-0: no predictions saved by this run" in found.text
    assert "optimized-0 has no end in its log" in found.text
    assert found.row("AUC")[1:] == ["-"] * 5
    assert found.row("2", "-", "not chosen yet")[3] == "2"


def test_an_empty_study_has_a_page(tmp_path: Path) -> None:
    make_study(tmp_path / "s")
    found = read(tmp_path / "s")
    assert found.open == []
    assert "no run is completed" in found.text
    assert "Figures" not in found.text
    assert found.row("optimized-0")[1] == "waiting"


def test_a_torn_last_line_is_not_there_yet(undrawn: None, tmp_path: Path) -> None:
    finished_study(tmp_path / "s", [0.5], [0.6])
    log = tmp_path / "s" / "optimized-0" / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    found = read(tmp_path / "s")
    assert "the end of 1 of 2 runs: optimized-0 (lost)" in found.text


def test_damaged_and_diverged_predictions_are_told(tmp_path: Path) -> None:
    answered_study(tmp_path / "s", [1.0, 1.1], [1.5, 1.6])
    (tmp_path / "s" / "baseline-1" / PREDICTIONS_FILE).write_bytes(b"torn")
    diverged = read_predictions(tmp_path / "s" / "optimized-0")
    assert diverged is not None
    diverged.probabilities[:] = np.nan
    write_predictions(tmp_path / "s" / "optimized-0", {("final", "test"): diverged})
    found = read(tmp_path / "s")
    assert "AUC of baseline-1: predictions.npz cannot be read" in found.text
    assert "AUC of optimized-0: a class has no test images, or the network has diverged" in found.text
    assert found.row("AUC")[1:] == ["-"] * 5
    assert "-" not in found.row("accuracy")


def test_no_place_of_this_machine_is_on_the_page(undrawn: None, tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "s", runs=2)
    (study.directory / "baseline-1" / PREDICTIONS_FILE).write_bytes(b"torn")
    failure = f"FileNotFoundError: [Errno 2] No such file: '{tmp_path}/my data/scan 1.png' (in {tmp_path}/own/net.py:3)"
    (study.directory / "optimized-1" / "events.jsonl").unlink()
    write_run(study, "optimized", 1, [run_started(seed=1), RunFailed(error=failure)])
    content = page(follow(study.directory))
    assert str(tmp_path) not in content
    assert str(tmp_path.parent) not in content
    text = Page(content).text
    assert "optimized-1 failed: FileNotFoundError: [Errno 2] No such file: 'scan 1.png' (in net.py:3)" in text
    assert "ROC curve of baseline-1: predictions.npz cannot be read" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot read /home/me/images/a.png.", "cannot read a.png."),
        ("folder:/home/me/images/ is empty", "folder:images is empty"),
        ("file:///home/me/a.npz", "a.npz"),
        (r"C:\Users\me\a.npz and 'D:/my data/b.npz'", "a.npz and 'b.npz'"),
        ("/a/b:/c/d", "b:d"),
        ("/ and/or 3 images/s of data/train, ./x/y, https://host.org/a/b", None),
        (SCRIPT, None),
    ],
)
def test_absolute_paths_are_cut_to_their_last_part(text: str, expected: str | None) -> None:
    assert without_folders(text) == (text if expected is None else expected)


def test_a_study_of_one_arm(undrawn: None, tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    write_run(study, "optimized", 0, whole_run())
    found = read(tmp_path / "s")
    assert "This study has no baseline arm" in found.text
    assert [row for row in found.rows if row and row[0] == "baseline"] == [["baseline", "none", "set for this study"]]


def test_what_was_changed_while_it_ran_and_what_lies_on_an_edge(undrawn: None, tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", epochs=1, baseline="none")
    save_steering(study.directory, Steering(epochs=2, search={"lr": "0.001:0.01:log:3"}))
    low = chosen(lr=AXIS.low)
    events = [run_started(), decision_started(), low, *trained_epoch(1), RunStopped(reason="by hand", epoch=1, step=5)]
    write_run(study, "optimized", 0, events)
    found = read(tmp_path / "s")
    assert found.row("epochs", "2")[2] == "changed while it ran; at the start 1"
    assert found.row("search")[2] == "changed while it ran; at the start lr = 0.001:0.1:log:3"
    assert "lr sits on the lower edge of its range, 0.001: better values may lie beyond it. (optimized-0)" in found.text
    assert "optimized-0 was stopped after epoch 1: by hand" in found.text


def test_the_command_line_writes_the_file(undrawn: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_study(tmp_path / "s", [0.5], [0.6])
    assert main(["report", str(tmp_path / "s")]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [str(tmp_path / "s" / "report.html")]
    assert "accuracies" in captured.err
    assert main(["report", str(tmp_path / "s"), "--to", str(tmp_path / "new" / "x.html")]) == 0
    assert Page((tmp_path / "new" / "x.html").read_text("utf-8")).open == []
    assert str(tmp_path) not in (tmp_path / "new" / "x.html").read_text("utf-8")  # it can be sent to anybody


def test_a_report_needs_no_torch_and_no_screen(tmp_path: Path) -> None:
    answered_study(tmp_path / "s", [1.0], [1.5])
    code = (
        "import json, sys\nfrom hptui.__main__ import main\ncode = main(sys.argv[1:])\n"
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    done = python(code, "report", tmp_path / "s")
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert not {"torch", "torchvision", "textual", "plotext"} & set(modules)
