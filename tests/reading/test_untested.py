"""A study without test images is shown and passed on; nothing is claimed of images that decisions saw."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fabricate import make_study, whole_run, write_run

from hptui.__main__ import main
from hptui.export import export, missing
from hptui.reading.alerts import finished_alert
from hptui.reading.comparison import compare
from hptui.reading.comparison.study import NO_TEST_IMAGES
from hptui.reading.studies import follow
from hptui.reading.study_line import read_line
from hptui.record.events import AnyEvent, Evaluated, RunCompleted, RunStarted
from hptui.report.content import before_pictures
from hptui.ui.drawing.event_words import event_words

Captured = pytest.CaptureFixture[str]


def untested(arm: str) -> list[AnyEvent]:
    """A whole run that had no test images."""
    events: list[AnyEvent] = []
    for event in whole_run(arm):
        if isinstance(event, RunStarted):
            events.append(msgspec.structs.replace(event, test_images=0))
        elif isinstance(event, RunCompleted):
            events.append(msgspec.structs.replace(event, test_loss=None, test_accuracy=None))
        elif not (isinstance(event, Evaluated) and event.split == "test"):
            events.append(event)
    return events


@pytest.fixture
def study(tmp_path: Path) -> Path:
    made = make_study(tmp_path / "study")
    for arm in ("baseline", "optimized"):
        write_run(made, arm, 0, untested(arm))
    return tmp_path / "study"


def test_nothing_is_compared_and_the_reason_is_said(study: Path) -> None:
    found = compare(follow(study))
    assert found.conclusion == NO_TEST_IMAGES
    assert (found.baseline.n, found.optimized.n, found.difference.mean) == (1, 1, None)
    assert (found.baseline.test_accuracy.values, found.optimized.cost.values) == ([], [1.6])


def test_the_commands_say_so(study: Path, capsys: Captured) -> None:
    assert main(["compare", str(study), "--metric", "auc", "--per-class"]) == 0
    shown = capsys.readouterr().out
    assert "This study has no test images" in shown
    assert "difference: none\n" in shown
    assert "classes of" not in shown


def test_it_is_not_compared_with_one_that_has_test_images(study: Path, capsys: Captured) -> None:
    tested = make_study(study.parent / "tested")
    for arm in ("baseline", "optimized"):
        write_run(tested, arm, 0, whole_run(arm))
    assert main(["compare", str(study), str(tested.directory)]) == 0
    assert "not tested: there are no test images" in " ".join(capsys.readouterr().out.split())


def test_what_is_measured_on_validation_images_is_exported(study: Path, tmp_path: Path) -> None:
    followed = follow(study)
    assert "accuracies, cost, confusion and ROC: the study has no test images" in missing(followed)
    written = {path.name for path in export(followed, tmp_path / "out", ["csv", "svg"])}
    assert {"learning-curves.svg", "trajectories.svg", "epochs.csv", "learning-curves.csv"} <= written
    assert not {"accuracies.svg", "cost.svg", "confusion.svg", "roc.svg", "accuracies.csv", "cost.csv"} & written
    curves = (tmp_path / "out" / "learning-curves.svg").read_text("utf-8")
    assert "validation accuracy" in curves
    assert "test accuracy" not in curves
    assert ",test," not in (tmp_path / "out" / "learning-curves.csv").read_text("utf-8")


def test_the_report_has_no_metrics_and_says_why(study: Path) -> None:
    sections = {section.title: section for section in before_pictures(follow(study))}
    assert "Metrics" not in sections
    assert any("no test images" in remark for remark in sections["Missing"].remarks)
    warned = sections["Warnings"].remarks if "Warnings" in sections else []
    assert not any("test loss is not finite" in remark for remark in warned)


def test_lists_alerts_and_the_log_name_no_test_accuracy(study: Path) -> None:
    followed = follow(study)
    assert finished_alert(followed).message == "study is finished"
    assert event_words(untested("baseline")[-1]).endswith("completed: validation 90.00% at cost 1.60")
    line = read_line(study)
    assert line.results is not None
    assert line.results.baseline.mean is None
