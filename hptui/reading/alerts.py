"""What somebody who is not looking should be told of a study: finished, failed, diverged, stuck, lost.

Computed from the log like everything else, in the process that trains and in every screen that looks at it.

Stuck: a run that is not paused has written nothing for ten times as long as it ever was silent before, and for five
minutes at least. A probe, some batches, an evaluation are a fact each, so that a slow network is told from a still one
by its own past.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from hptui.config import Arm
from hptui.metrics.classification import metric_title
from hptui.reading.comparison.verdict import verdict_so_far
from hptui.reading.run_state import RunState
from hptui.reading.studies import FollowedRun, FollowedStudy, Status
from hptui.record.task import guessing_loss

Kind = Literal["finished", "failed", "diverged", "stuck", "lost"]

STUCK_TIMES = 10.0
STUCK_SECONDS = 300.0
"""least silence that is called stuck: the first evaluation, or a slow disk, may take minutes"""
EXPLODED = 3.0
"""times the loss of guessing, as a mean over the training images of two epochs in a row, at which a run has diverged"""
FALLEN = 0.95
"""share of the calibrated validation loss of the epoch before, below which a run finds its way"""


@dataclass(frozen=True)
class Alert:
    """One thing to tell."""

    kind: Kind
    message: str
    """a sentence that names the study"""
    run: str = ""
    """the run it is about; empty: the whole study"""


class AlertFinder:
    """Looks through a study that is read on elsewhere; what it tells, it tells once."""

    def __init__(self, followed: FollowedStudy, *, awaited: bool = False) -> None:
        """`awaited`: its training has begun just now, so that its end is news even if it has come already."""
        self._followed, self._awaited = followed, awaited
        self._status: Status | None = None
        self._diverged: set[str] = set()
        self._silent: dict[str, tuple[float, float]] = {}
        """by run: the time of its last fact, and since when this process has seen no other"""
        self._stuck_runs: set[str] = set()
        """of which it was told"""

    def find(self, status: Status, now: float | None = None) -> list[Alert]:
        """What has come since the last call; at the first one, all is of old but a good end that was awaited.

        Args:
            status: of the study, which takes a look at its heartbeats.
            now: seconds of a clock that only goes forward.
        """
        is_first = self._status is None
        before = self._status or ("running" if self._awaited and status == "finished" else status)
        self._status = status
        diverged = [alert for run in self._followed.runs if (alert := self._divergence(run)) is not None]
        clock = time.monotonic() if now is None else now
        stuck = [alert for run in self._followed.runs if (alert := self._stuck(run, status, clock)) is not None]
        ended = self._end(status) if status != before else None
        meanwhile = () if is_first else (*diverged, *stuck)
        return [alert for alert in (*meanwhile, ended) if alert is not None]

    def _divergence(self, run: FollowedRun) -> Alert | None:
        words = diverged_words(run.state)
        if not words:
            self._diverged.discard(run.name)  # it may have gone back to a checkpoint
            return None
        if run.name in self._diverged:
            return None
        self._diverged.add(run.name)
        return Alert("diverged", f"{self._followed.study.name}: {run.name} has diverged: {words}", run.name)

    def _stuck(self, run: FollowedRun, status: Status, now: float) -> Alert | None:
        fact, since = self._silent.get(run.name, (-1.0, now))
        if run.state.time != fact or status != "running" or not _is_under_way(run):
            self._silent[run.name] = run.state.time, now
            self._stuck_runs.discard(run.name)
            return None
        silent, longest = now - since, run.state.longest_silence
        if run.name in self._stuck_runs or silent < max(STUCK_SECONDS, STUCK_TIMES * longest):
            return None
        self._stuck_runs.add(run.name)
        words = f"nothing for {_minutes(silent)}, where the longest silence before was {_minutes(longest)}"
        return Alert("stuck", f"{self._followed.study.name}: {run.name} is stuck: {words}", run.name)

    def _end(self, status: Status) -> Alert | None:
        name = self._followed.study.name
        match status:
            case "finished":
                return finished_alert(self._followed)
            case "failed":
                run = next(run for run in self._followed.runs if run.state.failed is not None)
                assert run.state.failed is not None
                return Alert("failed", f"{name}: {run.name} failed: {run.state.failed.error}", run.name)
            case "lost":
                return Alert(
                    "lost", f"{name}: the process that trained it has gone without a word; hptui resume goes on"
                )
            case _:
                return None


def finished_alert(followed: FollowedStudy) -> Alert:
    """That all runs are done, with what came of them, and whether the search paid."""
    means = [(arm, mean_accuracy(followed, arm)) for arm in followed.study.config.arms]
    words = ", ".join(f"{arm} {accuracy:.2%}" for arm, accuracy in means if accuracy is not None)
    result = f": mean test {metric_title('accuracy', followed.task)} {words}" if words else ""
    verdict = verdict_so_far(followed)
    told = f". {verdict.words}" if verdict is not None and verdict.is_told else ""
    return Alert("finished", f"{followed.study.name} is finished{result}{told}")


def mean_accuracy(followed: FollowedStudy, arm: Arm) -> float | None:
    """Mean test accuracy of the completed runs of an arm, a fraction; None if there is none, or no test images."""
    states = [run.state.completed for run in followed.completed_runs(arm)]
    accuracies = [completed.test_accuracy for completed in states if completed is not None]
    found = [accuracy for accuracy in accuracies if accuracy is not None]
    return math.fsum(found) / len(found) if found else None


def diverged_words(state: RunState) -> str:
    """How it shows that a run has diverged; empty if it does not."""
    if state.last_batches is not None and state.last_batches.loss is None:
        return f"the training loss of epoch {state.last_batches.epoch} is not finite"
    newest = [*islice((epoch.completed for epoch in reversed(state.epochs) if epoch.completed is not None), 2)]
    if state.started is None or not newest:
        return ""
    if newest[0].train_loss is None:
        return f"the training loss of epoch {newest[0].epoch} is not finite"
    guessing = guessing_loss(state.started.task, len(state.started.class_names))
    if len(newest) < 2 or any((epoch.train_loss or 0) <= EXPLODED * guessing for epoch in newest):
        return ""
    last, before = newest
    if _falls(before.calibrated_loss, last.calibrated_loss):
        return ""  # the first dozens of steps of a small set may be far off, and what they lead to is right
    words = f"the training loss is {before.train_loss:.3g} in epoch {before.epoch} and {last.train_loss:.3g} in epoch"
    return f"{words} {last.epoch}; guessing has {guessing:.3g}"


def _falls(before: float | None, now: float | None) -> bool:
    """Whether the calibrated validation loss gets better, by more than a little."""
    return before is not None and now is not None and now < FALLEN * before


def _is_under_way(run: FollowedRun) -> bool:
    state = run.state
    return state.started is not None and not (state.completed or state.stopped or state.failed or state.paused)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.1f} s"
