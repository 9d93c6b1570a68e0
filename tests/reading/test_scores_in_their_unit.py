"""A score that is a metric is shown as that metric: in its unit, and high is good; a loss stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import candidate_scored, chosen, decision_started, make_study, run_started, write_run

from hptui.export.decision_tables import heatmap_rows
from hptui.export.heatmaps import heatmap_panels
from hptui.metrics.scores import lower_is_better, score_words, told
from hptui.reading.run_state import Decision, state_of
from hptui.reading.studies import follow
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.measured import standard_error
from hptui.record.events import AnyEvent, Axis, LandscapePredicted
from hptui.report.runs import decision_tables
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.heatmap_numbers import cell_number
from hptui.ui.drawing.heatmap_words import cell_words, decision_words

RATES = [1e-4, 1e-3, 1e-2]
"""as they are tried; 1 - AUC is 0.3, 0.15 and 0.2"""


def events(name: str, **more: object) -> list[AnyEvent]:
    scores = (0.3, 0.15, 0.2)
    axis = Axis(name="lr", low=RATES[0], high=RATES[-1], scale="log", values=RATES)
    tried = [
        candidate_scored(0, n, rate, score=score, loss=0.9, score_error=0.04)
        for n, (rate, score) in enumerate(zip(RATES, scores, strict=True))
    ]
    taken = chosen(0, candidate=2, lr=1e-2, paired_errors=[0.5, 0.5, 0.0], score_errors=[0.02, 0.01, 0.0])
    return [run_started(), decision_started(axes=[axis], score_name=name, **more), *tried, taken]  # type: ignore[arg-type]


def decision(name: str) -> Decision:
    return state_of(events(name)).decisions[0]


def test_a_metric_is_told_as_it_is_and_a_loss_as_it_is_recorded() -> None:
    assert [told(name, 0.2) for name in ("auc", "quadratic_kappa", "brier", "loss", "of another time")] == [
        *(0.8, 0.8),
        *(0.2, 0.2, 0.2),
    ]
    assert [score_words(name, 0.1659) for name in ("auc", "loss", "brier")] == ["83.41 %", "0.1659", "0.1659"]
    assert lower_is_better("loss")
    assert not lower_is_better("f1")


def test_a_heatmap_shows_the_metric_with_its_own_errors() -> None:
    grid = heatmap(decision("auc"))
    assert [cell.value for cell in grid.cells[0]] == pytest.approx([0.7, 0.85, 0.8])
    assert not grid.lower_is_better
    assert grid.title == "AUC"
    assert [cell.error for cell in grid.cells[0]] == [0.04] * 3
    assert [cell.paired_error for cell in grid.cells[0]] == [0.02, 0.01, None]
    assert [cell.better for cell in grid.cells[0]] == [False, True, False]  # it was passed over for the chosen one
    assert grid.scale is not None
    assert (grid.scale.best, grid.scale.worst) == pytest.approx((0.85, 0.7))
    assert cell_number(grid, 0.85, 1) == "85.0"
    losses = heatmap(decision("auc"), measure="loss")
    assert [cell.paired_error for cell in losses.cells[0]] == [0.5, 0.5, None]
    assert losses.lower_is_better


def test_a_loss_is_shown_as_before() -> None:
    grid = heatmap(decision("loss"))
    assert [cell.value for cell in grid.cells[0]] == [0.3, 0.15, 0.2]
    assert grid.lower_is_better
    assert grid.title == "score"
    assert [cell.paired_error for cell in grid.cells[0]] == [0.5, 0.5, None]


def test_the_words_above_a_heatmap_name_the_metric_and_its_direction() -> None:
    grid = heatmap(decision("auc"))
    assert decision_words(grid, decision("auc"), 1, Palette()).endswith("| AUC, high is good, %")
    assert cell_words(grid, decision("auc"), (0, 1), 120).startswith(
        "AUC 0.85 ± 0.04 alone, ± 0.01 against the chosen one"
    )
    assert decision_words(heatmap(decision("brier")), decision("brier"), 1, Palette()).endswith(
        "| Brier score, low is good"
    )


def test_what_a_strategy_predicts_is_told_in_the_same_unit() -> None:
    found = events("auc")
    predicted = LandscapePredicted(decision=0, scores=[0.4, None, 0.1])
    known = state_of([*found[:2], *found[2:3], predicted]).decisions[0]
    assert [cell.shown for cell in heatmap(known).cells[0] if cell.value is None and cell.shown is not None] == (
        pytest.approx([0.9])
    )


def test_an_older_log_has_no_error_of_a_score() -> None:
    assert standard_error(candidate_scored(score_error=0.02), "score", "auc") == 0.02
    assert standard_error(candidate_scored(), "score", "auc") is None


def test_figures_tables_and_the_report_have_the_metric_too(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=1)
    write_run(study, "optimized", 0, events("auc"))
    followed = follow(study.directory)
    assert heatmap_panels(decision("auc"))[0].measure == "validation AUC"
    assert heatmap_panels(decision("quadratic_kappa"))[0].measure == "validation quadratic kappa"
    rows = list(heatmap_rows(followed))
    assert {row["measure"] for row in rows} == {"auc"}
    assert [row["value"] for row in rows] == pytest.approx([0.7, 0.85, 0.8])
    (table,) = decision_tables(followed)
    assert table.rows[0][-1] == "0.85"
