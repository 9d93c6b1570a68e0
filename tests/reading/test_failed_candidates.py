"""What readers tell of a candidate that failed: no value, a word of its own, and the round that it was tried in."""

from __future__ import annotations

from pathlib import Path

import msgspec
from fabricate import AXIS, candidate_scored, chosen, decision_started, make_study, run_started, write_run

from hptui.export.decision_tables import candidate_columns, candidate_rows, heatmap_rows
from hptui.export.heatmap_legend import mark_words
from hptui.reading.run_state import state_of
from hptui.reading.studies import follow
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.heatmap_grid import Cell, lost_words
from hptui.reading.views.probe_rounds import probe_rounds
from hptui.record.class_counts import ClassCounts
from hptui.record.events import AnyEvent, CandidateScored, decode, encode
from hptui.report.runs import decision_tables
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.event_words import event_words
from hptui.ui.drawing.heatmap_words import cell_words

NOTHING = ClassCounts(support=[0, 0], predicted=[0, 0], hits=[0, 0])
LOST = {"score": None, "loss": None, "raw_loss": None, "accuracy": 0.0, "raw_accuracy": 0.0, "diverged": True}
FAILED = LOST | {"classes": NOTHING, "failed": "RuntimeError: CUDA out of memory (net.py, line 9)"}


def failed(candidate: int, lr: float, images: int = 0) -> CandidateScored:
    return candidate_scored(candidate=candidate, lr=lr, images=images, steps=0, **FAILED)


EVENTS: list[AnyEvent] = [
    run_started(),
    decision_started(),
    failed(0, 0.001),
    candidate_scored(candidate=1, lr=0.01),
    failed(2, 0.1, images=10),
    chosen(),
]


def test_an_older_log_has_no_failed_candidates() -> None:
    fields = msgspec.json.decode(encode(candidate_scored()))
    known = {"event", *CandidateScored.__struct_fields__} - {"failed"}
    older = {name: value for name, value in fields.items() if name in known}
    event = decode(msgspec.json.encode(older))
    assert isinstance(event, CandidateScored)
    assert event.failed == ""


def test_the_cell_of_a_failed_candidate_has_the_mark_of_a_diverged_one_and_its_own_word() -> None:
    (decision,) = state_of(EVENTS).decisions
    grid = heatmap(decision)
    first, second, third = grid.cells[0]
    assert (first.value, first.diverged, first.failed) == (None, True, FAILED["failed"])
    assert (second.value, second.failed) == (1.0, "")
    assert third.failed
    assert cell_words(grid, decision, (0, 0), 80) == "failed | lr 0.001"
    assert "hatched, with a cross: failed" in mark_words([grid])


def test_the_word_of_lost_cells() -> None:
    diverged, other = Cell((0,), diverged=True), Cell((0,), diverged=True, failed="x")
    assert lost_words([diverged, Cell()]) == "diverged"
    assert lost_words([other]) == "failed"
    assert lost_words([diverged, other]) == "diverged or failed"


def test_a_failed_candidate_is_of_the_round_that_it_was_tried_in() -> None:
    """However few images it came to: how far it was to come is not known."""
    (decision,) = state_of(EVENTS).decisions
    (one,) = probe_rounds(decision)
    assert [candidate.candidate for candidate in one.candidates] == [0, 1, 2]
    assert one.images == 20
    later = [*EVENTS[:5], candidate_scored(candidate=3, images=60), failed(4, 0.01, images=5), EVENTS[5]]
    (decision,) = state_of(later).decisions
    rounds = [[candidate.candidate for candidate in found.candidates] for found in probe_rounds(decision)]
    assert rounds == [[0, 1, 2], [3, 4]]


def test_log_and_tables_tell_why(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s")
    write_run(study, "optimized", 0, EVENTS)
    followed = follow(study.directory)
    (run,) = (run for run in followed.runs if run.arm == "optimized")
    lines = [event_words(event, Palette(colour=False, ascii=True)) for event in run.notable]
    told = [line for line in lines if "candidate" in line]
    assert len(told) == 2
    assert "decision 1: candidate 1 failed, and is not chosen: RuntimeError: CUDA out of memory (net.py" in told[0]
    rows = list(candidate_rows(followed))
    assert candidate_columns(followed)[-1] == "failed"
    assert [bool(row["failed"]) for row in rows] == [True, False, True]
    assert (rows[0]["accuracy"], rows[0]["sensitivity"], rows[0]["round"]) == (None, None, 1)
    assert [bool(row["failed"]) for row in heatmap_rows(followed)] == [True, False, True]
    (table,) = decision_tables(followed)
    assert "0, 2 failed" in table.rows[0]
    assert len(AXIS.values) == len(rows)


def test_what_was_found_before_the_training_is_kept_and_reported(tmp_path: Path) -> None:
    from hptui.record.study_directory import create_study, open_study
    from hptui.report.runs import warnings

    made = make_study(tmp_path / "other")
    line = 'a line with "quotes" and ä'
    create_study(tmp_path / "s", made.config, "f" * 64, {"baseline": 1.0}, warnings=(line,))
    assert open_study(tmp_path / "s").warnings == (line,)
    assert open_study(tmp_path / "other").warnings == ()
    assert any(line in told for told in warnings(follow(tmp_path / "s")))
