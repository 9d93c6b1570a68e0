"""What is said above a heatmap: about the decision, or about the cell under the cursor."""

from __future__ import annotations

from textwrap import wrap

from hptui.hyperparameters import Values
from hptui.reading.run_state import Decision
from hptui.reading.views.expected_cells import prediction_words
from hptui.reading.views.heatmap_grid import HeatmapGrid, Position
from hptui.reading.views.measured import measured
from hptui.reading.views.passed_over import passed_over_label
from hptui.reading.views.probe_rounds import round_words
from hptui.space import describe
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.literal import literal


def decision_words(grid: HeatmapGrid, decision: Decision, decisions: int, palette: Palette) -> str:
    """Which of `decisions` it is, and what its numbers are; instead of them why nothing was tried."""
    what = f"{grid.title}, {'low is good' if grid.lower_is_better else 'high is good, %'}"
    if decision.chosen is not None and not decision.candidates:
        what = literal(decision.chosen.reason, palette)  # by hand, or by a strategy that tried nothing
    return f"decision {grid.decision + 1}/{decisions} for epoch {grid.epoch} | {what}"


def round_line(grid: HeatmapGrid, images_per_epoch: int) -> str:
    """How long the probes were, where the decision has others too, and what the cells are the best over."""
    words = [round_words(grid.round, grid.rounds, images_per_epoch)] if grid.round and grid.rounds > 1 else []
    words += [f"best over {', '.join(grid.others)}"] if grid.others else []
    words += [prediction_words(grid)] if grid.predicts else []
    return "; ".join(words)


def reason_words(decision: Decision) -> str:
    """Why the strategy chose what it chose, and whether longer probes would have led elsewhere."""
    if decision.chosen is None or not decision.candidates:
        return ""
    words = f"chosen: {decision.chosen.reason}"
    if decision.repeated is not None:
        again = decision.repeated
        other = describe(again.values, again.changed) if again.changed else "the same"
        words += f"; probes {again.times:g} times as long choose {other}"
    return words


def in_lines(words: str, width: int, most: int) -> list[str]:
    """Words in at most so many lines; three points at the end tell where some are missing."""
    lines = wrap(words, width) if width > 0 else []
    if len(lines) > most > 0:
        lines[most - 1] = f"{lines[most - 1][: max(width - 4, 0)]} ..."
    return lines[:most]


def cell_words(grid: HeatmapGrid, decision: Decision, at: Position, width: int) -> str:
    """Measured value, and exact values of the hyperparameters, in one cell; as exact as there is room for."""
    cell, values = grid.cells[at[0]][at[1]], cell_values(grid, decision, at)
    for digits in range(6, 2, -1):
        shown = "diverged" if cell.diverged else f"{grid.title} undefined" if cell.candidates else "not measured"
        shown = "failed" if cell.failed else shown
        if cell.predicted is not None and cell.value is None:
            sure = f" ± {cell.error:.{min(digits, 3)}g}" if cell.error is not None else ""
            hardly = " (hardly known)" * cell.vague
            shown = f"{grid.title} {cell.predicted:.{digits}g}{sure} predicted{hardly}, not measured"
        if cell.value is not None:
            sure = f" ± {cell.error:.{min(digits, 3)}g} alone" if cell.error is not None else ""
            pair = cell.paired_error
            sure += f", ± {pair:.{min(digits, 3)}g} against the chosen one" if pair is not None else ""
            shown = f"{grid.title} {cell.value:.{digits}g}{sure}{', went on' * cell.went_on}"
            shown += f", {passed_over_label([cell])}" * cell.passed_over
            shown += f", {cell.left_out} of {len(cell.candidates)} left out" * cell.hides_left_out
        words = f"{shown} | {', '.join(f'{name} {value:.{digits}g}' for name, value in values.items())}"
        if len(words) <= width:
            break
    return words


def cell_values(grid: HeatmapGrid, decision: Decision, at: Position) -> Values:
    """The axes' values in one cell; of further hyperparameters, those of the best candidate in it."""
    row, column = at
    inside = [one for one in decision.candidates if one.candidate in grid.cells[row][column].candidates]
    finite = [one for one in inside if not one.diverged]
    scored = [(value, one) for one in finite if (value := measured(one, grid.measure, grid.score_name)) is not None]
    if scored:
        best = min if grid.lower_is_better else max
        _, candidate = best(scored, key=lambda pair: pair[0])
        return {axis.name: candidate.values[axis.name] for axis in decision.started.axes}
    return {grid.x.name: grid.x.values[column]} | ({grid.y.name: grid.y.values[row]} if grid.y else {})


def cell_beside(grid: HeatmapGrid, at: Position, rows: int = 0, columns: int = 0) -> Position:
    """The cell so many rows and columns further, or the last one in that direction."""
    return (
        min(max(at[0] + rows, 0), len(grid.cells) - 1),
        min(max(at[1] + columns, 0), len(grid.cells[0]) - 1),
    )
