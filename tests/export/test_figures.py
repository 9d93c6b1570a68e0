"""The pictures of an export, opened with Pillow: size, ink, nothing cut; and what is said to be missing."""

from __future__ import annotations

import io
import math
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from adaptive_log import SCREEN_REASON, adaptive_run
from coarse import COARSE, draw_coarsely, leave_undrawn
from fabricate import (
    candidate_scored,
    chosen,
    decision_started,
    finished_study,
    make_study,
    python,
    run_completed,
    run_started,
    trained_epoch,
    values,
    whole_run,
    write_run,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image
from readable import assert_readable

import hptui.export
import hptui.export.pictures
from hptui.__main__ import main
from hptui.errors import RunDirectoryError
from hptui.export import METADATA, export, missing
from hptui.export.accuracies import accuracies_figure
from hptui.export.heatmaps import heatmap_page, heatmap_panels
from hptui.export.pictures import pictures
from hptui.export.scales import edges, is_to_scale, legend_columns, number, ticks
from hptui.export.style import Drawing, literal, look, new_figure
from hptui.export.trajectories import trajectories_figure
from hptui.reading.comparison import compare
from hptui.reading.run_state import Decision, RunState, state_of
from hptui.reading.studies import follow
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.trajectories import trajectories
from hptui.record.events import AnyEvent, Axis, DecisionRepeated, HyperparametersChosen, RunStopped
from hptui.record.study_directory import Study
from hptui.space import parse_range

ARMS = ("baseline", "optimized")
PICTURES = {"trajectories.png", "learning-curves.png", "accuracies.png", "cost.png", "confusion.png"}


def axis(name: str, low: float, high: float, steps: int, scale: str = "log") -> Axis:
    searched = parse_range(name, f"{low}:{high}:{scale}:{steps}")
    return Axis(name=name, low=low, high=high, scale=searched.scale, values=list(searched.values()))


def searched_decision(number: int, axes: list[Axis], *, skip: int = 0, diverged_over: float = math.inf) -> list[Any]:
    """Every cell of the first two axes; the last `skip` are not measured yet, and then nothing is chosen."""
    cells = [{axes[0].name: first} for first in axes[0].values]
    for other in axes[1:]:
        cells = [cell | {other.name: value} for cell in cells for value in other.values]
    events: list[Any] = [decision_started(number, number + 1, axes=axes)]
    for index, cell in enumerate(cells[: len(cells) - skip]):
        place = math.log10(cell[axes[0].name]) + 2 + number / 4
        loss = (0.05 + place**2 / 4 + 0.01 * (index % 3)) / (number + 1)
        lost = cell[axes[0].name] > diverged_over
        found = {"score": None, "loss": None, "diverged": True} if lost else {"score": loss, "loss": loss}
        events.append(candidate_scored(number, index, values=values() | cell, **found))
    if not skip:
        best = min(
            (event for event in events[1:] if event.score is not None), key=lambda event: event.score, default=None
        )
        taken = best.values if best is not None else values()
        events.append(chosen(number, number + 1, candidate=best and best.candidate, values=taken))
    return events


def searched_run(axes: list[Axis], epochs: int, seed: int = 0, **decisions: Any) -> list[AnyEvent]:
    events: list[AnyEvent] = [run_started(seed=seed, epochs=epochs, searched=axes)]
    for epoch in range(1, epochs + 1):
        decision = searched_decision(epoch - 1, axes, **decisions)
        found = msgspec.structs.replace
        in_force = decision[-1].values
        events += decision
        events += [
            found(event, values=in_force) if hasattr(event, "values") else event
            for event in trained_epoch(epoch, 0.9 - 0.3 / (epoch + seed))
        ]
    return [*events, run_completed(epochs, test_accuracy=0.9 - 0.3 / (epochs + seed))]


def searching_study(folder: Path, axes: list[Axis], *, epochs: int = 3, runs: int = 1, **decisions: Any) -> Study:
    study = make_study(folder, runs=runs, epochs=epochs)
    for seed in range(runs):
        accuracy = 0.8 + 0.001 * (seed * 7 % 5)
        write_run(study, "baseline", seed, whole_run("baseline", seed, epochs=epochs, test_accuracy=accuracy))
        write_run(study, "optimized", seed, searched_run(axes, epochs, seed, **decisions))
    return study


def opened(files: list[Path]) -> Iterator[tuple[str, Image.Image]]:
    for file in files:
        with Image.open(file) as picture:
            assert picture.format == "PNG"
            yield file.name, picture.convert("L")


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many dots on an inch pictures are drawn with; one case (AS_PRINTED) is drawn as it is printed."""
    draw_coarsely(monkeypatch)
    return COARSE


def assert_sound(files: list[Path], dpi: int = 300) -> None:
    """One or two columns wide, no taller than a page, drawn upon, and nothing cut at the border."""
    for name, picture in opened(files):
        assert picture.width in (3.5 * dpi, 7 * dpi), name
        assert dpi < picture.height < dpi * 10, name
        dark = sum(picture.histogram()[:128]) / (picture.width * picture.height)
        assert dark > 0.002, name
        for side in ((0, 0, picture.width, 2), (0, picture.height - 2, picture.width, picture.height),
                     (0, 0, 2, picture.height), (picture.width - 2, 0, picture.width, picture.height)):  # fmt: skip
            assert picture.crop(side).getextrema()[0] > 200, f"{name}: something is cut"


CASES: dict[str, tuple[list[Axis], dict[str, Any]]] = {
    "3 cells a side": ([axis("lr", 1e-4, 1e-1, 3), axis("weight_decay", 1e-6, 1e-2, 3)], {}),
    "25 cells a side": ([axis("lr", 1e-6, 10, 25), axis("weight_decay", 1e-6, 10, 25)], {"diverged_over": 1.0}),
    "one decision": ([axis("lr", 1e-4, 1e-1, 7), axis("dropout", 0, 0.6, 7, "lin")], {"epochs": 1}),
    "14 decisions": ([axis("lr", 1e-4, 1e-1, 5), axis("batch_size", 8, 512, 4)], {"epochs": 14}),
    "missing and diverged": (
        [axis("lr", 1e-4, 1e-1, 5), axis("momentum", 0.5, 0.99, 5, "lin")],
        {"skip": 7, "diverged_over": 0.005},
    ),
    "all diverged": ([axis("lr", 1e-4, 1e-1, 3), axis("weight_decay", 1e-6, 1e-2, 3)], {"diverged_over": 0.0}),
    "one hyperparameter": ([axis("lr", 1e-4, 1e-1, 9)], {"diverged_over": 0.05}),
    "one hyperparameter once": ([axis("lr", 1e-6, 10, 25)], {"epochs": 1}),
    "three hyperparameters": (
        [axis("lr", 1e-4, 1e-1, 3), axis("augmentation", 0, 1, 4, "lin"), axis("dropout", 0, 0.5, 3, "lin")],
        {"epochs": 2},
    ),
    "20 runs": ([axis("lr", 1e-4, 1e-1, 3), axis("weight_decay", 1e-6, 1e-2, 3)], {"runs": 20, "epochs": 1}),
    "5 runs": ([axis("lr", 1e-3, 1e-1, 3), axis("dropout", 0, 0.5, 3, "lin")], {"runs": 5, "epochs": 2}),
}
DRAWN_RUNS = {"20 runs": 2, "5 runs": 2}
"""of a case, those whose heatmaps are drawn: those of its other runs look alike"""
LIKE_ANOTHER = {
    "25 cells a side": "3 cells a side",
    "missing and diverged": "3 cells a side",
    "all diverged": "3 cells a side",
    "one hyperparameter": "3 cells a side",
    "one hyperparameter once": "one decision",
}
"""cases of which only what shows the search is drawn: the other pictures are those of a case with the same results"""


AS_PRINTED = "3 cells a side"
"""the case that is drawn with all dots"""


def is_of_search(name: str) -> bool:
    return name.startswith(("trajectories", "heatmaps"))


def results(settings: dict[str, Any]) -> tuple[int, int]:
    """What decides what `searching_study` makes of accuracies and losses: epochs and runs."""
    return settings.get("epochs", 3), settings.get("runs", 1)


@pytest.mark.parametrize("case", CASES)
def test_every_picture_of_a_study_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    axes, settings = CASES[case]
    study = searching_study(tmp_path / "study", axes, **settings)
    runs, decisions = settings.get("runs", 1), settings.get("epochs", 3)
    of_runs = [
        {f"heatmaps-optimized-{seed}-page{page + 1}.png" for page in range(-(-decisions // 12))} for seed in range(runs)
    ]
    pages = set().union(*of_runs[: DRAWN_RUNS.get(case, runs)])
    follower = follow(study.directory)
    offered = list(pictures(follower))
    assert {f"{picture.name}.png" for picture in offered} == PICTURES.union(*of_runs)
    wanted = PICTURES | pages
    if case in LIKE_ANOTHER:
        wanted = {name for name in wanted if is_of_search(name)}
        assert results(settings) == results(CASES[LIKE_ANOTHER[case]][1])
    left = [picture for picture in offered if f"{picture.name}.png" in wanted]
    monkeypatch.setattr(hptui.export.pictures, "pictures", lambda *_, **__: left)
    if case != AS_PRINTED:
        draw_coarsely(monkeypatch)
    files = export(follower, tmp_path / "pictures")
    assert {file.name for file in files} == wanted
    assert sorted(tmp_path.joinpath("pictures").iterdir()) == sorted(files)
    assert_sound(files, 300 if case == AS_PRINTED else COARSE)


@pytest.mark.parametrize("case", ["25 cells a side", "14 decisions", "missing and diverged", "one hyperparameter once"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_words_are_cut_or_over_others(tmp_path: Path, case: str, theme: Literal["light", "dark"]) -> None:
    axes, settings = CASES[case]
    study = searching_study(tmp_path / "study", axes, **settings)
    drawn = 0
    for picture in pictures(follow(study.directory), each_decision=True):
        if "decision" not in picture.name or picture.name.endswith("001"):
            with look(theme):
                assert_readable(picture.draw())
            drawn += 1
    assert drawn >= 6


@pytest.mark.parametrize("seeds", [1, 3, 4, 6, 7])
@pytest.mark.parametrize("names", [["lr"], ["lr", "dropout"]], ids=["one panel", "two panels"])
def test_the_longest_legend_of_trajectories_fits(seeds: int, names: list[str]) -> None:
    searched = [axis("lr", 1e-4, 1e-2, 3), axis("dropout", 0, 0.5, 3, "lin")][: len(names)]
    state, baseline = RunState(), RunState()
    for event in whole_run("baseline"):
        baseline.apply(event)
    for event in searched_run(searched, 2):
        if isinstance(event, HyperparametersChosen):
            longer = {"values": event.values | {"lr": 1e-4}, "changed": ["lr"], "images": 10, "seconds": 1.0}
            state.apply(DecisionRepeated(decision=event.decision, times=2.0, **longer))
        state.apply(event)
    runs = [(1000 + seed, trajectories(state, baseline)) for seed in range(seeds)]
    with look():
        figure = trajectories_figure(runs, "study", f"n = {seeds}")
        (legend,) = figure.legends
        labels = {text.get_text() for text in legend.get_texts()}
        assert {"baseline", "range of the choice", "probes twice as long would choose"} <= labels
        assert "on an edge of the range" in labels
        assert_readable(figure)
        box = legend.get_window_extent()
    assert 0 <= box.x0 <= box.x1 <= figure.bbox.width


def test_a_legend_has_as_few_rows_as_fit() -> None:
    handles = [Line2D([], [], label="W" * 10)] * 5
    assert [legend_columns(handles, width) for width in (10.0, 7.0, 5.0, 3.5, 1.0)] == [5, 5, 3, 2, 1]
    assert legend_columns([], 3.5) == 1


def test_a_run_stopped_half_way_is_drawn_so_far(coarse: int, tmp_path: Path) -> None:
    axes = [axis("lr", 1e-4, 1e-1, 3), axis("dropout", 0, 0.5, 3, "lin")]
    study = make_study(tmp_path / "study", runs=2, epochs=3)
    write_run(study, "baseline", 0, whole_run("baseline", epochs=3))
    half = [*searched_run(axes, 3)[:-1], *searched_decision(3, axes, skip=4)]
    write_run(study, "optimized", 0, [*half, RunStopped(reason="SIGTERM", epoch=3, step=15)])
    lines: list[str] = []
    files = export(follow(study.directory), tmp_path / "pictures", progress=lines.append)
    assert {file.name for file in files} == PICTURES | {"heatmaps-optimized-0-page1.png"}
    assert_sound(files, coarse)
    assert lines[:6] == [f"{index}/6 {file.name}" for index, file in enumerate(files, start=1)]
    assert lines[6:] == [
        "missing: the end of 3 of 4 runs: optimized-0 (stopped), baseline-1 (waiting), optimized-1 (waiting)",
        "missing: heatmaps of optimized-1: no decision in the log",
    ]


def test_a_study_of_which_no_run_has_begun_says_what_is_missing(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    assert export(follow(study.directory), tmp_path / "pictures") == []
    assert not (tmp_path / "pictures").exists()
    assert missing(follow(study.directory))[1:] == [
        "heatmaps of optimized-0: no decision in the log",
        "trajectories: no run that searches has begun",
        "learning curves: no epoch is completed",
        "accuracies, cost and confusion: no run is completed",
    ]


def test_a_run_that_has_just_begun_and_one_that_searches_nothing(coarse: int, tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=2)
    write_run(study, "optimized", 0, [run_started(searched=[])])
    write_run(study, "optimized", 1, [run_started(), decision_started()])
    lines: list[str] = []
    files = export(follow(study.directory), tmp_path / "pictures", progress=lines.append)
    assert [file.name for file in files] == ["trajectories.png"]
    assert "missing: heatmaps of optimized-1: no candidate is measured yet" in lines
    assert_sound(files, coarse)


def test_a_study_without_a_baseline(coarse: int, tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    write_run(study, "optimized", 0, whole_run())
    assert_sound(export(follow(study.directory), tmp_path / "pictures"), coarse)


@pytest.mark.parametrize("name", ["$x_[red]", "$\\frac{1}{$", "name\nof\x1b[31m two lines", "数字 😀 é", "W" * 200])
def test_names_from_files_are_literal(coarse: int, tmp_path: Path, name: str) -> None:
    study = searching_study(tmp_path / name, CASES["3 cells a side"][0], epochs=1)
    files = export(follow(study.directory), tmp_path / "pictures")
    assert_sound(files, coarse)
    comparison = compare(follow(study.directory))
    with look():
        figure = accuracies_figure(comparison)
        assert not any(text.get_parse_math() for text in figure.findobj(Text))
    shown = figure.get_suptitle().split("\n")[0]
    assert shown == name if name == "$x_[red]" else "\x1b" not in shown


def test_the_numbers_drawn_are_those_of_the_comparison(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80, 0.82, 0.81], [0.84, 0.83, 0.86])
    comparison = compare(follow(study.directory))
    with look():
        left, right = accuracies_figure(comparison).axes
    points = [line.get_ydata() for line in left.lines]
    assert any(list(found) == pytest.approx([80, 82, 81]) for found in points)
    assert any(list(found) == pytest.approx([84, 83, 86]) for found in points)
    assert any(list(found) == pytest.approx([80, 84]) for found in points)
    (bar,) = right.containers
    (mean,) = bar[0].get_ydata()
    ((_, low), (_, high)) = bar[2][0].get_segments()[0]
    drawn = (mean / 100, low / 100, high / 100)
    difference = comparison.difference
    assert drawn == pytest.approx((difference.mean, difference.low, difference.high))


def test_the_cells_carry_the_measured_numbers_and_marks(tmp_path: Path) -> None:
    axes = [axis("lr", 1e-3, 1e-1, 3)]
    study = searching_study(tmp_path / "study", axes, epochs=1, diverged_over=0.05)
    (decision,) = follow(study.directory).runs[1].state.decisions
    with look():
        figure = heatmap_page(heatmap_panels(decision), "a", "b")
    panel, bar = figure.axes
    losses = [candidate.loss for candidate in decision.candidates if candidate.loss is not None]
    assert [text.get_text() for text in panel.texts] == [f"{loss:.3f}" for loss in losses]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert bar.get_xlabel() == "validation loss (nats)"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["chosen", "diverged"]


def drawn(decision: Decision) -> Figure:
    with look():
        return heatmap_page(heatmap_panels(decision, 100), "a", "b")


def test_cells_stand_at_the_values_that_adaptive_tried_and_rounds_apart(tmp_path: Path) -> None:
    survey, screen = state_of(adaptive_run()).decisions
    figure = drawn(screen)
    first, last, *_ = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["0", "0.267", "0.4", "0.533", "0.8"]
    assert [label.get_text() for label in first.get_xticklabels()] == ["1e-6", "2.15e-5", "4.64e-4", "0.01"]
    predicted = "predicted from 7 candidates of 2 rounds, each with a level of its own"
    begins = f"epoch 3 round 1 of 2: 5 candidates for 0.8 epochs {predicted}"
    assert " ".join(first.get_title().split()).startswith(begins)
    begins = f"epoch 3 round 2 of 2: 2 for 0.8 epochs more (1.6 in all) {predicted}"
    assert " ".join(last.get_title().split()).startswith(begins)
    assert " ".join(last.get_title().split()).endswith(SCREEN_REASON)
    numbers = [text.get_text() for text in first.texts]
    grid = heatmap(screen, number=0)
    known = [cell for _, _, cell in grid.places if cell.shown is not None and not cell.vague]
    assert len(numbers) == len(known) < len(grid.places)  # of what is hardly known there is no number
    assert sum(number.startswith("~") for number in numbers) == len(known) - 5
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["chosen", "predicted, not measured", "predicted, hardly known"]
    figure = drawn(survey)
    first, last, *bars = figure.axes
    assert [text.get_text() for text in first.texts] == ["2.20", "0.91", "0.95"]
    assert [text.get_text() for text in last.texts] == ["~0.700", "0.330", "0.340"]
    assert [bar.get_xticklabels()[0].get_text() for bar in bars] == ["0.91", "0.330"]  # a scale for each
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["chosen", "better, not taken", "predicted, not measured"]
    (frame,) = [patch for patch in last.patches if patch.get_linestyle() != "solid" and patch.get_linewidth() == 1.0]
    assert frame.get_x() + frame.get_width() / 2 == pytest.approx(-3)  # around the better one, at a rate of 0.001


def test_unevenly_spaced_values_are_drawn_side_by_side() -> None:
    uneven = Axis(name="dropout", low=0.0, high=0.8, scale="linear", values=[0.0, 0.2, 0.267, 0.8])
    assert edges(uneven) == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert ticks(uneven, 500, sideways=True) == ([0.0, 1.0, 2.0, 3.0], ["0", "0.2", "0.267", "0.8"])
    even = Axis(name="dropout", low=0.0, high=0.8, scale="linear", values=[0.0, 0.267, 0.533])
    assert edges(even)[1] == pytest.approx(0.1335)
    assert is_to_scale(axis("batch_size", 8, 512, 4))
    tried = Axis(name="weight_decay", low=1e-6, high=1e-2, scale="log", values=[1e-6, 2.15e-5, 4.64e-4])
    assert ticks(tried, 60, sideways=True)[1] == ["1e-6", "4.64e-4"]  # too little room: never at what was not tried


def test_an_outlier_leaves_the_colours_to_the_others_and_that_is_said(tmp_path: Path) -> None:
    events = [run_started(), decision_started(axes=[axis("lr", 1e-4, 1e-1, 4)])]
    scores = zip((1e-4, 1e-3, 1e-2, 1e-1), (0.394, 0.39, 0.391, 24.5), strict=True)
    events += [candidate_scored(candidate=n, lr=lr, score=score) for n, (lr, score) in enumerate(scores)]
    (decision,) = state_of([*events, chosen(lr=1e-3, candidate=1)]).decisions
    panel, bar = drawn(decision).axes
    assert "1 cell is worse than the colours go" in panel.get_title()
    assert [text.get_text() for text in panel.texts] == ["0.394", "0.390", "0.391", "24.500"]
    assert float(bar.get_xticklabels()[-1].get_text()) == 0.429  # a tenth above the best: these nearly agree


def test_all_four_hyperparameters_of_a_grid_are_drawn(tmp_path: Path) -> None:
    axes = [axis("lr", 1e-3, 1e-1, 2), axis("dropout", 0, 0.5, 2, "lin"), axis("weight_decay", 1e-6, 1e-2, 2)]
    axes.append(axis("label_smoothing", 0, 0.2, 2, "lin"))
    study = searching_study(tmp_path / "study", axes, epochs=5)
    run = follow(study.directory).runs[1]
    figure = drawn(run.decision(0))
    assert [panel.get_xlabel() for panel in figure.axes[:3]] == ["dropout", "weight decay", "label smoothing"]
    assert "best over weight decay and label smoothing" in " ".join(figure.axes[0].get_title().split())
    names = [picture.name for picture in pictures(follow(study.directory)) if picture.run]
    assert names == ["heatmaps-optimized-0-page1", "heatmaps-optimized-0-page2"]  # twelve heatmaps, then three


def test_it_works_in_a_worker_thread_and_leaves_settings_alone(coarse: int, tmp_path: Path) -> None:
    import matplotlib

    study = finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.8])
    looks = [key for key in matplotlib.rcParams if key != "backend"]  # to read the backend imports pyplot
    before = [matplotlib.rcParams[key] for key in looks]
    files: list[Path] = []
    worker = threading.Thread(target=lambda: files.extend(export(follow(study.directory), tmp_path / "pictures")))
    worker.start()
    worker.join()
    assert len(files) == 7
    assert "matplotlib.pyplot" not in sys.modules
    assert [matplotlib.rcParams[key] for key in looks] == before


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_picture_is_drawn_once_and_as_matplotlib_would(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which draws it twice, the first time for the layout alone."""
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: drawn.append(text) or draw(text, renderer))
    contents, times = [], []
    for whole in (False, True):
        if whole:
            monkeypatch.setattr(Drawing, "draw", Figure.draw)
        with look():
            figure = new_figure(3.5, 2.0, "study", "n = 3")
            figure.subplots(1, 2)[0].set_title("a title", fontsize=6)
            file = io.BytesIO()
            drawn.clear()
            figure.savefig(file, format=kind, metadata=METADATA[kind])
        contents.append(file.getvalue())
        times.append(len(drawn))
    assert contents[0] == contents[1]
    assert times[1] == 2 * times[0] > 0


def test_it_stops_between_pictures(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    lines: list[str] = []
    files = export(
        follow(study.directory), tmp_path / "pictures", progress=lines.append, should_stop=lambda: len(lines) == 2
    )
    assert len(files) == 2
    assert lines[-1] == "stopped after 2 of 6 files"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="cannot write"):
        export(follow(study.directory), tmp_path / "file")

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(hptui.export, "replacing", full)
    with pytest.raises(RunDirectoryError, match=r"no space left on device: .*; make room and export again\."):
        export(follow(study.directory), tmp_path / "pictures")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-6, "1e-6"), (3.1623e-4, "3.16e-4"), (10, "10"), (0, "0"), (97.34, "97.3"), (1000, "1000")],
)
def test_short_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_literal_keeps_what_can_be_drawn() -> None:
    assert literal("$x_[red] é ±") == "$x_[red] é ±"
    assert literal("a\nb\x1b数") == "a\ufffdb\ufffd\ufffd"


def test_the_command_prints_the_files_it_wrote(
    coarse: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    assert main(["export", str(tmp_path / "study")]) == 0
    printed = capsys.readouterr()
    files = [Path(line) for line in printed.out.splitlines()]
    assert sorted(files) == sorted((tmp_path / "study" / "export").iterdir())
    assert_sound(files, coarse)
    leave_undrawn(monkeypatch)
    assert main(["export", str(tmp_path / "study"), "--to", str(tmp_path / "to" / "here")]) == 0
    assert {file.name for file in (tmp_path / "to" / "here").iterdir()} == {file.name for file in files}


def test_bad_folders_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    (tmp_path / "file").touch()
    for arguments in (["export", str(tmp_path)], ["export", str(tmp_path / "study"), "--to", str(tmp_path / "file")]):
        assert main(arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("hptui: ")


def test_help_loads_nothing_heavy_and_an_export_no_torch(tmp_path: Path) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    code = "import sys\nfrom hptui.__main__ import main\nmain(sys.argv[1:])\n"
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    helped = python(code, "export", "--help")
    assert not {"matplotlib", "numpy", "scipy", "torch", "textual"} & set(helped.stdout.splitlines()[-1].split())
    written = python(code, "export", tmp_path / "study")
    assert written.returncode == 0, written.stderr
    assert not {"torch", "textual", "plotext", "sklearn"} & set(written.stdout.splitlines()[-1].split())
