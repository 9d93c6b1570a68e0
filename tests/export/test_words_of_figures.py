"""What axes, legends, titles and captions of pictures say: no more than is drawn, and nothing that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fabricate import (
    chosen,
    decision_started,
    epoch_completed,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    two_class_study,
    whole_run,
    write_run,
)
from matplotlib.figure import Figure
from readable import assert_readable

from hptui.__main__ import main
from hptui.export.pictures import pictures
from hptui.export.style import look
from hptui.reading.studies import follow
from hptui.record.events import Axis

RATES = Axis(name="lr", low=1e-3, high=1e-1, scale="log", values=[1e-3, 1e-2, 1e-1])


def drawn(directory: Path, **study: Any) -> dict[str, Figure]:
    """Figures of a study, by name."""
    found = {}
    for picture in pictures(follow(finished_study(directory, **study).directory)):
        with look():
            found[picture.name] = picture.draw()
            assert_readable(found[picture.name])
    return found


def legend_words(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize("accuracy", [1.0, 0.0])
def test_no_axis_of_accuracies_goes_beyond_0_and_100_percent(tmp_path: Path, accuracy: float) -> None:
    """Also where intervals would: 98, 100 and 100 % have a mean interval that ends at 102.2 %."""
    near = [abs(accuracy - 0.02), accuracy, accuracy]
    figures = drawn(tmp_path / "study", baseline=near, optimized=[accuracy] * 3, runs=3)
    axes = [panel for name in ("learning-curves", "accuracies", "cost") for panel in figures[name].axes]
    shares = [panel for panel in axes if "accuracy (%)" in panel.get_ylabel()]
    assert len(shares) == 4
    for panel in shares:
        assert panel.get_ylim()[0] >= 0.0
        assert panel.get_ylim()[1] <= 100.0
        assert all(-1e-9 <= y <= 100 + 1e-9 for line in panel.lines for y in line.get_ydata())


def test_legends_and_titles_name_only_what_is_drawn(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one", baseline=[0.8], optimized=[0.9])
    assert legend_words(one["learning-curves"]) == ["baseline", "optimized"]
    assert legend_words(one["cost"])[-1] == "mean"
    assert [axes.get_title() for axes in one["accuracies"].axes] == ["runs", "difference within pairs"]
    equal = drawn(tmp_path / "equal", baseline=[0.8, 0.8], optimized=[0.9, 0.9])
    assert legend_words(equal["learning-curves"]) == ["baseline, mean", "optimized, mean"]
    several = drawn(tmp_path / "several", baseline=[0.8, 0.8], optimized=[0.9, 0.95])
    assert legend_words(several["learning-curves"])[2:] == ["optimized, lowest to highest run"]
    assert legend_words(several["cost"])[-1] == "mean, 95 % interval"


def test_the_rate_of_a_schedule_is_a_line_of_its_own(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3, baseline="none")
    events = [run_started(searched=[RATES], epochs=3), decision_started(axes=[RATES]), chosen(lr=0.01)]
    for epoch, lr in enumerate((0.01, 0.004, 1e-5), start=1):
        events += [*trained_epoch(epoch)[:-2], epoch_completed(epoch, lr=lr)]
    write_run(study, "optimized", 0, events)
    (picture,) = [picture for picture in pictures(follow(study.directory)) if picture.name == "trajectories"]
    with look():
        figure = picture.draw()
        assert_readable(figure)
    (axes,) = figure.axes
    steps = next(line for line in axes.lines if line.get_drawstyle() == "steps-mid" and len(line.get_xdata()))
    assert list(steps.get_ydata()) == [0.01] * 3
    falling = next(line for line in axes.lines if line.get_linestyle() == "-.")
    assert list(falling.get_ydata()) == [0.01, 0.004, 1e-5]
    assert axes.get_ylim()[0] < 1e-5
    assert legend_words(figure) == ["seed 0, chosen", "in force at the end of an epoch", "range of the choice"]


@pytest.mark.parametrize("arms", [1, 2])
def test_titles_have_two_lines_at_most(tmp_path: Path, arms: int) -> None:
    settings = {"baseline": "none"} if arms == 1 else {}
    study = two_class_study(tmp_path / "20261127-152715-pneumoniamnist-adaptive", class_names=("normal", "pneumonia"))
    if settings:
        study = make_study(tmp_path / "20261127-152715-pneumoniamnist-adaptive-alone", **settings)
        write_run(study, "optimized", 0, whole_run())
    for picture in pictures(follow(study.directory), each_decision=True):
        with look():
            title = picture.draw().get_suptitle()
        assert 1 <= len(title.split("\n")) <= 2
        assert "..." not in title


def test_without_titles_the_words_are_captions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = two_class_study(tmp_path / "study", class_names=("normal", "pneumonia"))
    assert main(["export", str(study.directory), "--no-titles", "--to", str(tmp_path / "out")]) == 0
    written = capsys.readouterr().out.splitlines()
    assert written[-1].endswith("captions.txt")
    captions = (tmp_path / "out" / "captions.txt").read_text("utf-8")
    names = [Path(file).stem for file in written[:-1]]
    assert [line.partition(":")[0] for line in captions.splitlines() if line] == names
    for picture in pictures(follow(study.directory)):
        assert "n = " in picture.caption
        with look(titles=False):
            figure = picture.draw()
            assert figure.get_suptitle() == ""
            assert not figure.get_supxlabel()
            assert_readable(figure)
    assert "baseline n = 2, optimized n = 2" in captions
    assert "positive: pneumonia" in captions
    assert "bands: from the lowest to the highest run, which is no confidence interval" not in captions  # equal runs
