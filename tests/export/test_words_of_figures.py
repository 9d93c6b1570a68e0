"""What axes, legends, titles and captions of pictures say: no more than is drawn, and nothing that cannot be."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adaptive_log import SCREEN_REASON, SURVEY_REASON, adaptive_run
from coarse import leave_undrawn
from fabricate import (
    candidate_scored,
    chosen,
    decision,
    decision_started,
    epoch_completed,
    finished_study,
    make_study,
    run_completed,
    run_started,
    trained_epoch,
    two_class_study,
    values,
    whole_run,
    write_run,
)
from matplotlib.figure import Figure
from readable import assert_readable

from hptui.__main__ import main
from hptui.config import Layer, resolve
from hptui.export import missing
from hptui.export.captions import heatmaps_caption
from hptui.export.heatmaps import heatmap_page, heatmap_panels
from hptui.export.pictures import pictures
from hptui.export.style import NARROW, WIDE, look
from hptui.export.tables import tables
from hptui.plan import stage_words
from hptui.planning import plan_arm
from hptui.reading.run_state import state_of
from hptui.reading.studies import follow
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.probe_rounds import ProbeRound, round_words
from hptui.record.events import Axis, DecisionsPlanned, ValuesRequested
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.heatmap_lines import heatmap_lines

RATES = Axis(name="lr", low=1e-3, high=1e-1, scale="log", values=[1e-3, 1e-2, 1e-1])


def drawn(directory: Path, *names: str, **study: Any) -> dict[str, Figure]:
    """Figures of a study, by name; all of them, if none is named."""
    found = {}
    for picture in pictures(follow(finished_study(directory, **study).directory)):
        if picture.name in names or not names:
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
    figures = drawn(
        tmp_path / "study", "learning-curves", "accuracies", "cost", baseline=near, optimized=[accuracy] * 3, runs=3
    )
    axes = [panel for name in ("learning-curves", "accuracies", "cost") for panel in figures[name].axes]
    shares = [panel for panel in axes if "accuracy (%)" in panel.get_ylabel()]
    assert len(shares) == 4
    for panel in shares:
        assert panel.get_ylim()[0] >= 0.0
        assert panel.get_ylim()[1] <= 100.0
        assert all(-1e-9 <= y <= 100 + 1e-9 for line in panel.lines for y in line.get_ydata())


def test_legends_and_titles_name_only_what_is_drawn(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one", "learning-curves", "cost", "accuracies", baseline=[0.8], optimized=[0.9])
    assert legend_words(one["learning-curves"]) == ["baseline", "optimized"]
    assert legend_words(one["cost"])[-1] == "mean"
    assert [axes.get_title() for axes in one["accuracies"].axes] == ["runs", "difference within pairs"]
    equal = drawn(tmp_path / "equal", "learning-curves", baseline=[0.8, 0.8], optimized=[0.9, 0.9])
    assert legend_words(equal["learning-curves"]) == ["baseline, mean", "optimized, mean"]
    several = drawn(tmp_path / "several", baseline=[0.8, 0.8], optimized=[0.9, 0.95])
    assert legend_words(several["learning-curves"])[2:] == ["optimized, lowest to highest run"]
    assert legend_words(several["cost"])[-1] == "mean, 95 % interval"


def test_the_figure_of_a_single_run_is_small_and_says_its_accuracy(tmp_path: Path) -> None:
    """It was one point in 18 by 8 cm."""
    study = make_study(tmp_path / "study", epochs=2, baseline="none")
    write_run(study, "optimized", 0, whole_run("optimized", 0, test_accuracy=0.8765))
    (picture,) = [picture for picture in pictures(follow(study.directory)) if picture.name == "accuracies"]
    with look():
        figure = picture.draw()
        assert_readable(figure)
    assert figure.get_figwidth() == NARROW
    assert [text.get_text() for text in figure.axes[0].texts] == ["87.65"]
    pair = drawn(tmp_path / "pair", "accuracies", baseline=[0.8], optimized=[0.8])["accuracies"]
    assert pair.get_figwidth() == WIDE
    assert [text.get_text() for text in pair.axes[0].texts] == ["80.00", "80.00"]


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
    named = ["seed 0, chosen, not finished", "in force at the end of an epoch", "range of the choice"]
    assert legend_words(figure) == named


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


def test_without_titles_the_words_are_captions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_undrawn(monkeypatch)  # that they have no words is looked at below
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


def begun_run(seed: int, epochs: int, accuracy: float) -> list[Any]:
    """Events of a run that has trained so many epochs, and goes on."""
    events: list[Any] = [run_started(seed=seed, epochs=3, searched=[RATES]), *decision(0, 1)]
    for epoch in range(1, epochs + 1):
        events += trained_epoch(epoch, accuracy)
    return events


def test_runs_that_are_not_finished_are_named_and_in_no_mean(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3, runs=2)
    for seed in (0, 1):
        write_run(study, "baseline", seed, whole_run("baseline", seed, epochs=3, test_accuracy=0.8))
    write_run(study, "optimized", 0, whole_run("optimized", 0, epochs=3, test_accuracy=0.9))
    write_run(study, "optimized", 1, begun_run(1, 1, 0.1))
    found = {picture.name: picture for picture in pictures(follow(study.directory))}
    with look():
        curves, paths = (found[name].draw() for name in ("learning-curves", "trajectories"))
        assert_readable(curves)
        assert_readable(paths)
    assert "optimized n = 1 of 2 runs, not finished: optimized-1" in " ".join(curves.get_suptitle().split())
    assert legend_words(curves) == ["baseline, mean", "optimized", "optimized, not finished"]
    tests = curves.axes[2]
    drawn = {line.get_linestyle(): list(line.get_ydata()) for line in tests.lines if len(line.get_ydata())}
    assert drawn["-"] == [90.0, 90.0, 90.0]  # the unfinished run with 10 % is in no mean
    assert drawn[":"] == [10.0]
    assert "n = 1 of 2 optimized runs, not finished: optimized-1" in " ".join(paths.get_suptitle().split())
    assert "seed 1, not finished" in "; ".join(legend_words(paths)).replace(", chosen", "")
    for name in ("learning-curves", "trajectories"):
        assert "optimized-1" in found[name].caption
    assert main(["export", str(study.directory), "--format", "csv", "--to", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "learning-curves.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "optimized" and row["split"] == "test"]
    assert {row["n"] for row in rows} == {"1"}
    assert {row["mean"] for row in rows if row["measure"] == "accuracy"} == {"0.9"}
    with (tmp_path / "out" / "trajectories.csv").open(newline="") as file:
        ends = {(row["seed"], row["finished"]) for row in csv.DictReader(file) if row["arm"] == "optimized"}
    assert ends == {("0", "true"), ("1", "false")}


def test_what_was_never_searched_is_called_held(tmp_path: Path) -> None:
    """In the log that a budget too small leaves: a range, a decision, no candidate."""
    study = make_study(tmp_path / "study", epochs=1, baseline="none", search={"lr": "1e-3:1e-1:log:3"})
    told = DecisionsPlanned(epoch=1, stages=[], left_out=["lr"], remedy="it takes --epochs 9")
    nothing = chosen(lr=0.001, candidate=None, images_probed=0, left_out=["lr"], reason="nothing was tried")
    events = [run_started(epochs=1, searched=[RATES]), told, decision_started(axes=[RATES]), nothing]
    write_run(study, "optimized", 0, [*events, *trained_epoch(1)[:-2], epoch_completed(1, lr=0.001), run_completed(1)])
    followed = follow(study.directory)
    found = {picture.name: picture for picture in pictures(followed)}
    assert not any(name.startswith("heatmaps") for name in found)
    assert missing(followed)[0] == "heatmaps of optimized-0: nothing was tried"
    with look():
        figure = found["trajectories"].draw()
        assert_readable(figure)
    assert legend_words(figure) == ["seed 0", "held, not searched"]
    assert "chosen" not in " ".join(legend_words(figure))
    assert "dotted: held at the value of the start, because nothing else was tried (learning rate)" in (
        found["trajectories"].caption
    )
    names = {table.name: table for table in tables(followed)}
    assert "heatmaps" not in names
    assert [row["searched"] for row in names["trajectories"].rows()] == [False]


def test_a_value_set_by_hand_has_no_triangle_and_the_caption_names_it(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=4, baseline="none", search={"lr": "1e-3:1e-1:log:3"})
    low = RATES.low
    events = [run_started(epochs=4, searched=[RATES]), decision_started(axes=[RATES]), chosen(lr=0.01)]
    events += [*trained_epoch(1), ValuesRequested(by="me@host", epoch=2, values={"lr": low})]
    events += [decision_started(1, 2, axes=[RATES], loss=None), chosen(1, 2, lr=low, candidate=None)]
    events += [*trained_epoch(2), *trained_epoch(3)]
    released = [ValuesRequested(by="me@host", epoch=4, values={}), decision_started(2, 4, axes=[RATES])]
    run = write_run(study, "optimized", 0, events)
    (picture,) = [picture for picture in pictures(follow(study.directory)) if picture.name == "trajectories"]
    assert f"set by hand, not chosen by a search: learning rate {low:g} from epoch 2 on (seed 0)" in picture.caption
    assert "triangles" not in picture.caption
    assert "on an edge of the range" not in legend_words(picture.draw())
    (table,) = [table for table in tables(follow(study.directory)) if table.name == "trajectories"]
    assert [row["on_edge"] for row in table.rows()] == [None] * 3
    (run / "events.jsonl").unlink()
    write_run(study, "optimized", 0, [*events, *released, chosen(2, 4, lr=low)])
    (picture,) = [picture for picture in pictures(follow(study.directory)) if picture.name == "trajectories"]
    assert f"learning rate {low:g} from epoch 2 to 3 (seed 0)" in picture.caption
    assert "triangles" in picture.caption


def test_without_titles_panels_of_heatmaps_have_but_a_label_each_and_the_caption_the_words(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3, baseline="none")
    write_run(study, "optimized", 0, adaptive_run())
    (picture,) = [picture for picture in pictures(follow(study.directory)) if picture.run]
    with look(titles=False):
        figure = picture.draw()
        assert_readable(figure)
    labels = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert labels == ["epoch 1, round 1", "epoch 1, round 2", "epoch 3, round 1", "epoch 3, round 2"]
    assert "Epoch 1, round 1 of 2: 3 candidates for 0.2 epochs" in picture.caption
    assert SURVEY_REASON in picture.caption
    assert SCREEN_REASON in picture.caption
    assert "broken frame: better, not taken" in picture.caption
    assert "Better, not taken: its score is better than that of the choice" in picture.caption
    assert "optimized-0 (lost, not finished)" in picture.caption
    with look(titles=False):
        alone = heatmap_page(heatmap_panels(state_of(adaptive_run()).decisions[0], 100)[:1], "a", "b")
    assert [axes.get_title() for axes in alone.axes] == ["", ""]


@pytest.mark.parametrize("said", [True, False])
def test_the_caption_explains_what_last_weights_far_behind_means(said: bool) -> None:
    reason = "lowest score of the 2 candidates that were not left out: 1 at lr 0.01"
    reason += " (left out: 1 with last weights far behind)" * said
    state = state_of([run_started(), decision_started(), candidate_scored(), chosen(reason=reason)])
    caption = heatmaps_caption("optimized-0", "each", heatmap_panels(state.decisions[0], 100))
    assert ("Last weights far behind: the loss of the weights after the probe's last step" in caption) == said


def test_every_candidate_that_was_left_out_has_a_frame_and_the_legend_names_it() -> None:
    axes = [RATES, Axis(name="dropout", low=0.0, high=0.6, scale="linear", values=[0.0, 0.3, 0.6])]
    places = [(rate, dropout) for rate in RATES.values for dropout in axes[1].values]
    cells = [
        candidate_scored(candidate=n, score=0.3 + n / 100, values=values(rate) | {"dropout": dropout})
        for n, (rate, dropout) in enumerate(places)
    ]
    out = [2, 4, 5, 6, 7, 8]
    (found,) = state_of(
        [run_started(), decision_started(axes=axes), *cells, chosen(candidate=0, excluded=out)]
    ).decisions
    with look():
        figure = heatmap_page(heatmap_panels(found, 100), "a", "b")
    broken = [patch for patch in figure.axes[0].patches if patch.get_linestyle() != "solid" and not patch.get_fill()]
    assert len(broken) == len(out)
    assert legend_words(figure) == ["chosen", "left out"]
    lines = [line.text for line in heatmap_lines(heatmap(found), 78, 12, Palette())]
    assert sum(line.count("!") for line in lines[:-1]) == len(out)
    assert "! left out" in lines[-1]
    with look():
        row = heatmap_page(
            [replace(panel, grid=heatmap(found, "lr", "lr")) for panel in heatmap_panels(found)], "a", "b"
        )
    assert legend_words(row) == ["chosen", "left out", "others of its candidates left out"]
    (cells_line, *_, legend_line) = [line.text for line in heatmap_lines(heatmap(found, "lr", "lr"), 100, 4, Palette())]
    assert "½" in cells_line
    assert "½ some left out" in legend_line


@pytest.mark.parametrize("strategy", ["adaptive", "grid"])
def test_a_planned_probe_is_as_long_as_the_figure_says(strategy: str) -> None:
    """12 batches of 1,223 images: 0.2 epochs are two batches, 0.16."""
    flags = {
        "dataset": "digits",
        "model": "lenet",
        "epochs": 30,
        "strategy": strategy,
        "search": {"lr": "1e-3:1e-1:log:3"},
    }
    config = resolve([Layer("test", flags)]).config
    (stage, *_) = plan_arm(config, "optimized").plan.stages
    begun, rounds = 0, []
    for one in stage.rounds:
        steps = round(one.epochs * 12)
        images = sum(123 if (begun + n) % 12 == 11 else 100 for n in range(steps))
        rounds.append(round_words(ProbeRound(0, (candidate_scored(),) * one.candidates, images), 1, 1223))
        begun += steps
    lengths = [words.partition(" for ")[2].split()[0] for words in rounds]
    told = stage_words(stage)
    assert [word for word in told.replace(",", " ").split() if "." in word] == lengths
    if strategy == "grid":
        assert "for 0.16 epochs" in told


def test_an_epoch_that_is_delivered_before_the_last_is_marked(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3, runs=1)
    write_run(study, "baseline", 0, whole_run("baseline", 0, epochs=3, test_accuracy=0.8, delivered_epoch=3))
    write_run(study, "optimized", 0, whole_run("optimized", 0, epochs=3, test_accuracy=0.9, delivered_epoch=2))
    found = {picture.name: picture for picture in pictures(follow(study.directory))}
    with look():
        figure = found["learning-curves"].draw()
        assert_readable(figure)
    assert legend_words(figure) == ["baseline", "optimized", "optimized, delivered epoch"]
    marked = [line for line in figure.axes[2].lines if line.get_marker() == "D"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in marked] == [([2.0], [90.0])]
    assert "hollow diamonds: the epoch that a run delivers" in found["learning-curves"].caption
