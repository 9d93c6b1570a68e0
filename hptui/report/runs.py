"""Every run, every decision with its reason, and what should make a reader careful."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from hptui.metrics.scores import told
from hptui.reading.cautions import cautions
from hptui.reading.changes import changes
from hptui.reading.comparison.number_words import percent
from hptui.reading.outcomes import most_wrong_of_runs
from hptui.reading.run_state import Decision
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.wrong_images import HEADINGS as WRONG_HEADINGS
from hptui.reading.wrong_images import wrong_cells
from hptui.record.events import CandidateScored
from hptui.report.paths import without_folders
from hptui.report.tables import PageTable
from hptui.space import describe

RUN_HEADINGS = ("run", "state", "device", "in force at the end", "epochs", "delivers", "test acc. %", "cost", "seconds")
MOST_WRONG = 10
"""images of each run"""
DECISION_HEADINGS = ("before epoch", "chosen", "reason", "tried", "diverged", "best score")


def runs_table(study: FollowedStudy) -> PageTable:
    """Table with one row for each planned run."""
    return PageTable("", RUN_HEADINGS, [_run_row(run) for run in study.runs], words=4)


def _run_row(run: FollowedRun) -> tuple[str, ...]:
    state = run.state
    epoch = state.delivered
    test = epoch.test.accuracy if epoch is not None and epoch.test is not None else None
    accuracy = state.completed.test_accuracy if state.completed else test
    return (
        run.name,
        run.status,
        state.started.device if state.started else "-",
        describe(state.values) or "-",
        f"{state.epochs_completed}/{state.end or '-'}",
        str(epoch.number) if epoch is not None else "-",
        percent(accuracy),
        f"{state.completed.cost if state.completed else state.cost:.2f}",
        f"{state.seconds:.1f}",
    )


def decision_tables(study: FollowedStudy) -> Iterator[PageTable]:
    """Tables, one for each run that decided; candidates are read from the log again, a decision at a time."""
    for run in study.runs:
        count = len(run.state.decisions)
        if count:
            rows = [_decision_row(run.decision(index)) for index in range(count)]
            yield PageTable(
                f"{run.name}: {count} decision{'s' * (count > 1)}", DECISION_HEADINGS, rows, words=3, folded=True
            )


def wrong_tables(study: FollowedStudy) -> Iterator[PageTable]:
    """Tables, one for each completed run: the test images that it most surely called by another class."""
    for run, wrong in most_wrong_of_runs(study, MOST_WRONG):
        rows = [tuple(map(without_folders, wrong_cells(one))) for one in wrong]
        what = "by another class" if run.task == "single-label" else "with or without a label by mistake"
        caption = f"{run.name}: the {len(rows)} surest of the test images that it called {what}"
        yield PageTable(caption, WRONG_HEADINGS, rows, words=3, folded=True)


def _decision_row(decision: Decision) -> tuple[str, ...]:
    scores = [candidate.score for candidate in decision.candidates if candidate.score is not None]
    chosen = decision.chosen
    return (
        str(decision.started.epoch),
        describe(chosen.values) if chosen else "-",
        chosen.reason if chosen else "not chosen yet",
        str(len(decision.candidates)),
        _without_score(decision.candidates),
        f"{told(decision.started.score_name, min(scores)):.5g}" if scores else "-",
    )


def _without_score(candidates: list[CandidateScored]) -> str:
    """How many candidates diverged, and how many failed, where any did."""
    failed = sum(bool(candidate.failed) for candidate in candidates)
    diverged = sum(candidate.diverged for candidate in candidates) - failed
    return f"{diverged}, {failed} failed" if failed else str(diverged)


def warnings(study: FollowedStudy) -> list[str]:
    """Plain sentences on what should make a reader careful, the gravest first."""
    lines = chain(
        chain.from_iterable(_run_warnings(run) for run in study.runs),
        (f"found before the training: {line}" for line in study.study.warnings),
        (f"changed by hand: {line}" for line in changes(study)),
        _cautions(study),
        _mixed_conditions(study),
    )
    return [without_folders(line) for line in lines]


def _run_warnings(run: FollowedRun) -> Iterator[str]:
    state = run.state
    if state.failed is not None and state.completed is None:
        yield f"{run.name} failed: {state.failed.error}"
    if state.stopped is not None and state.completed is None:
        yield f"{run.name} was stopped after epoch {state.stopped.epoch}: {state.stopped.reason}"
    if run.status == "lost":
        yield f"{run.name} has no end in its log, and nobody writes it any more; hptui resume goes on with it"
    if state.completed is not None and state.completed.test_loss is None and not state.untested:
        yield f"{run.name} has diverged: its test loss is not finite"
    for refused in state.refused:
        yield f"{run.name} refused a request of {refused.by}: {refused.reason}"


def _cautions(study: FollowedStudy) -> Iterator[str]:
    """Sentences on choices that need care; what holds for several runs is said once."""
    runs_by_line: dict[str, list[str]] = {}
    for run in study.runs:
        for line in cautions(run.state, run.directory):
            runs_by_line.setdefault(line, []).append(run.name)
    for line, names in runs_by_line.items():
        yield f"{line} ({', '.join(names)})"


def _mixed_conditions(study: FollowedStudy) -> Iterator[str]:
    """Sentences on runs that differ in more than their strategy and seed."""
    starts = [run.state.started for run in study.runs if run.state.started is not None]
    for what, values in (
        ("devices", sorted({start.device for start in starts})),
        ("versions of hptui", sorted({start.hptui for start in starts})),
        ("versions of torch", sorted({start.versions.get("torch", "unknown") for start in starts})),
    ):
        if len(values) > 1:
            yield f"the runs used different {what}: {', '.join(values)}"
