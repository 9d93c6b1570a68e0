"""Progress of a study without a screen, on stderr: read from the same log as everything else."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hptui.reading.cautions import cautions
from hptui.reading.comparison.verdict import paired_seeds, verdict_so_far
from hptui.reading.failed_candidates import failed_candidate_words, failed_epoch_words
from hptui.reading.plan import candidate_words, under_way
from hptui.reading.progress import study_progress
from hptui.reading.run_result import delivery_mark, delivery_words, length_words, search_words
from hptui.reading.run_state import RunState
from hptui.reading.studies import AT_WORK, FollowedRun, FollowedStudy
from hptui.record.events import CandidateScored, RunFailed, RunResumed
from hptui.space import describe

POLL_SECONDS = 0.2
MANY = 4
"""runs at work that are named by their numbers"""


class ProgressReport:
    """Report with one bar for the study in a terminal, one line per epoch elsewhere."""

    def __init__(self, followed: FollowedStudy, console: Console) -> None:
        self._followed = followed
        self._console = console
        self._lines = 0
        self._reported: dict[str, int] = {run.name: run.state.epochs_completed for run in followed.runs}
        self._noted = {run.name: run.notable_total for run in followed.runs}
        """events that were looked through"""
        self._pairs = len(paired_seeds(followed))
        self._ended = {run.name for run in followed.runs if run.state.completed}
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def follow(self, finished: threading.Event) -> None:
        """Report until `finished` is set, then once more."""
        with self._bar:
            task = self._bar.add_task("starting", total=1.0, rate="")
            while not finished.wait(POLL_SECONDS):
                self._refresh(task)
            self._refresh(task)

    def _refresh(self, task: TaskID) -> None:
        self._followed.refresh()
        for run in self._followed.runs:
            self._print_failures(run)
            self._print_epochs(run)
            self._print_end(run)
        self._print_verdict()
        runs = self._followed.runs
        begun = [run for run in runs if run.state.started and not run.state.completed]
        current = [run for run in begun if run.status in AT_WORK] or begun[:1]
        self._bar.update(
            task,
            completed=min(study_progress(self._followed).share, 1.0),
            description=_where(self._followed, current),
            rate=f"{sum(_rate(run.state) for run in current):,.0f}/s" if current else "",
        )

    def _print_failures(self, run: FollowedRun) -> None:
        new = min(run.notable_total - self._noted[run.name], len(run.notable))
        for event in list(run.notable)[len(run.notable) - new :] if new else ():
            words = ""
            if isinstance(event, CandidateScored):
                words = failed_candidate_words(event)
            elif isinstance(event, RunResumed):
                words = failed_epoch_words(event)
            elif isinstance(event, RunFailed) and event is run.state.failed and self._others_at_work(run):
                words = f"failed: {event.error}"  # where nobody goes on, the end says it
            if words:
                self._console.print(f"{run.name}  {words}", markup=False, highlight=False, soft_wrap=True)
        self._noted[run.name] = run.notable_total

    def _others_at_work(self, run: FollowedRun) -> bool:
        return any(one.status in AT_WORK for one in self._followed.runs if one is not run)

    def _print_epochs(self, run: FollowedRun) -> None:
        epochs = [epoch for epoch in run.state.epochs if epoch.completed]
        for epoch in epochs[self._reported[run.name] :]:
            validation, test = epoch.validation, epoch.test
            assert epoch.completed is not None
            assert validation is not None
            tested = f"  test {test.accuracy:.2%}" if test is not None else ""
            names = [axis.name for axis in run.state.started.searched] if run.state.started else []
            chosen = describe(epoch.completed.values, names) if names else ""
            self._console.print(
                f"{run.name}  epoch {epoch.number}/{run.state.end}  "
                f"val {validation.accuracy:.2%}{tested}  "
                f"{epoch.completed.seconds:.0f} s  {chosen}".rstrip(),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        self._reported[run.name] = len(epochs)

    def _print_end(self, run: FollowedRun) -> None:
        """Print, once, what a run delivers, what its search cost and changed, and cautions."""
        if run.state.completed and run.name not in self._ended:
            self._ended.add(run.name)
            early = delivery_mark(run.state)  # the last epoch is what everybody expects
            delivered = delivery_words(run.state, self._followed.study.config.deliver) if early else ""
            said = [line for line in (length_words(run.state), delivered, search_words(run.state)) if line]
            for line in (*said, *cautions(run.state, run.directory)):
                self._console.print(f"{run.name}  {line}", markup=False, highlight=False, soft_wrap=True)

    def _print_verdict(self) -> None:
        """Print whether the search pays so far, once with every further pair; at the end it stands on stdout."""
        if (pairs := len(paired_seeds(self._followed))) == self._pairs:
            return
        self._pairs = pairs
        verdict = verdict_so_far(self._followed)
        if verdict is not None and verdict.is_told and not verdict.is_final:
            self._console.print(verdict.words, markup=False, highlight=False, soft_wrap=True)


def _rate(state: RunState) -> float:
    return (state.images_trained + state.images_probed) / state.seconds if state.seconds else 0.0


def _where(followed: FollowedStudy, at_work: list[FollowedRun]) -> str:
    if not at_work:
        return "all runs done" if all(run.state.completed for run in followed.runs) else "between runs"
    if len(at_work) > 1:
        numbers = ", ".join(str(followed.runs.index(run) + 1) for run in at_work[:MANY])
        return f"runs {numbers}{', ...' * (len(at_work) > MANY)} of {len(followed.runs)}, {len(at_work)} at work"
    (run,) = at_work
    number = followed.runs.index(run) + 1
    text = f"{number}/{len(followed.runs)} {run.name}"
    if (decision := under_way(run.state)) is not None:
        return f"{text} decision {decision.started.decision + 1}: {candidate_words(decision)}"
    return f"{text} epoch {min(run.state.epochs_completed + 1, run.state.end)}"
