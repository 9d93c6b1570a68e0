"""Rows on what decisions tried: every candidate, and the cells of every heatmap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.views.heatmap import heatmap, heatmap_parts
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid
from hptui.reading.views.probe_rounds import ProbeRound, probe_rounds

Row = Mapping[str, Any]


def identity(run: FollowedRun) -> dict[str, Any]:
    """Which run a row is about."""
    return {"run": run.name, "arm": run.arm, "seed": run.seed}


def value_names(study: FollowedStudy) -> list[str]:
    """Every hyperparameter that a run of the study had in force."""
    names: dict[str, None] = {}
    for run in study.runs:
        names |= dict.fromkeys(run.state.values)
        for decision in run.state.decisions:
            names |= dict.fromkeys(axis.name for axis in decision.started.axes)
    return list(names)


def candidate_columns(study: FollowedStudy) -> tuple[str, ...]:
    """Columns of the table of candidates."""
    begin = ("run", "arm", "seed", "decision", "epoch", "round", "candidate")
    end = ("score", "loss", "accuracy", "raw_loss", "raw_accuracy", "sensitivity", "specificity", "diverged")
    cost = ("images", "probe_epochs", "seconds")
    return (*begin, *value_names(study), *end, "excluded", "chosen", *cost, "failed")


def candidate_rows(study: FollowedStudy) -> Iterator[Row]:
    """Candidates of all decisions; `round` counts those of equally long probes from 1 on, as figures name them."""
    for run in study.runs:
        for index, known in enumerate(run.state.decisions):
            choice = known.chosen
            winner, excluded = (choice.candidate, choice.excluded) if choice is not None else (None, [])
            decision = run.decision(index)
            rounds = {one.candidate: found for found in probe_rounds(decision) for one in found.candidates}
            for candidate in decision.candidates:
                plain = {name: getattr(candidate, name) for name in candidate.__struct_fields__}
                row: dict[str, Any] = identity(run) | {"epoch": known.started.epoch} | candidate.values | plain
                row |= {"sensitivity": sensitivity(candidate.classes), "specificity": specificity(candidate.classes)}
                row |= dict.fromkeys(("accuracy", "raw_accuracy")) if candidate.failed else {}
                row |= _round(run, rounds[candidate.candidate])
                if choice is not None:  # before that, it is not known of any
                    row |= {"chosen": candidate.candidate == winner, "excluded": candidate.candidate in excluded}
                yield row


def _round(run: FollowedRun, probed: ProbeRound | None) -> Row:
    """Number of a round, and epochs from where the decision began to its scores."""
    images = run.state.started.images_per_epoch if run.state.started is not None else 0
    if probed is None:
        return {}
    return {"round": probed.number + 1, "probe_epochs": probed.total / images if images else None}


HEATMAP_COLUMNS = (
    "run", "decision", "epoch", "round", "probe_epochs", "measure", "x_name", "x", "y_name", "y", "value", "predicted",
    "error", "paired_error", "diverged", "passed_over", "candidates", "left_out", "chosen", "reason", "failed",
)  # fmt: skip


def heatmap_rows(study: FollowedStudy) -> Iterator[Row]:
    """Cells as they are drawn: each round of a decision apart, over more than two hyperparameters the best over the
    others, and the reason of a choice beside its cell.
    """
    for run in study.runs:
        for index, known in enumerate(run.state.decisions):
            if not (known.started.axes and known.tried):
                continue
            decision = run.decision(index)
            reason = decision.chosen.reason if decision.chosen is not None else None
            for part in heatmap_parts(decision):
                grid = heatmap(decision, part.x, part.y, number=part.number)
                for row, column, cell in grid.places:
                    chosen = grid.chosen == (row, column)
                    yield _cell(run, grid, row, column, cell) | {"chosen": chosen, "reason": reason if chosen else None}


def _cell(run: FollowedRun, grid: HeatmapGrid, row: int, column: int, cell: Cell) -> dict[str, Any]:
    measure = grid.measure if grid.score_name == "loss" else grid.score_name
    key = {"run": run.name, "decision": grid.decision, "epoch": grid.epoch, "measure": measure}
    x = {"x_name": grid.x.name, "x": grid.x.values[column]}
    y = {"y_name": grid.y.name, "y": grid.y.values[row]} if grid.y is not None else {}
    names = ("value", "predicted", "error", "paired_error", "diverged", "passed_over", "left_out", "failed")
    contents = {name: getattr(cell, name) for name in names}
    contents["candidates"] = len(cell.candidates)
    return {**key, **_round(run, grid.round), **x, **y, **contents}
