"""The strip at the top: state, progress, rate, time left, cost, load of the machine."""

from __future__ import annotations

import math
import time
from collections import deque

from rich.text import Text
from textual.widgets import Static

from hptui.reading.progress import expected_work, work_done
from hptui.reading.run_state import RunState
from hptui.reading.studies import FollowedRun, FollowedStudy, Status
from hptui.ui.drawing.literal import literal
from hptui.ui.load import MachineLoad

WINDOW_SECONDS = 20.0
"""over which the rate is taken"""

MARKS: dict[Status, str] = {
    "running": ">",
    "paused": "=",
    "stopped": "#",
    "lost": "?",
    "failed": "!",
    "finished": "*",
    "waiting": ".",
}
"""states without colour"""


class Rate:
    """Work per second over the last seconds, as the clock on the wall sees it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def measure(self, work: float, now: float) -> float:
        """`work` so far at time `now`; gives the rate per second, 0 until it is known."""
        if self._seen and work < self._seen[-1][1]:  # a run went back to its checkpoint
            self.forget()
        self._seen.append((now, work))
        while now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return (work - before) / (now - began) if now > began else 0.0

    def forget(self) -> None:
        """Begin anew: what comes next is no work of the seconds before."""
        self._seen.clear()


class StatusStrip(Static):
    """Two lines that fit 80 columns."""

    DEFAULT_CSS = """
    StatusStrip { height: 2; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._images, self._work = Rate(), Rate()
        self._load = MachineLoad()

    def show(self, study: FollowedStudy, run: FollowedRun, status: Status, *, reading: bool = False) -> None:
        """Show a study, once or twice a second; while an old log is still being read, its images are no work of now."""
        if status != "running" or reading:
            self._images.forget()
            self._work.forget()
        now = time.monotonic()
        images = sum(entry.state.images_trained + entry.state.images_probed for entry in study.runs)
        total = sum(expected_work(study, entry) for entry in study.runs)
        done = sum(work_done(entry.state) for entry in study.runs)
        image_rate, work_rate = self._images.measure(images, now), self._work.measure(done, now)
        left = clock((total - done) / work_rate) if work_rate > 0 else "-"
        share = done / total if total else 0.0
        device = run.state.started.device if run.state.started is not None else ""
        place = _place(run.state, study.study.config.epochs)
        first = f"{MARKS[status]} {status}  {_which(study, run, status)}  {place}  {study.study.name}"
        second = (
            f"{image_rate:,.0f} images/s  left {left}  done {share:.0%}  "
            f"cost {run.state.cost:.2f}  {self._load.words(device)}"
        )
        text = Text(f"{literal(first)}\n{second}")
        self.update(text, layout=False)  # its size is fixed: no reason to arrange the whole screen anew


def _which(study: FollowedStudy, run: FollowedRun, status: Status) -> str:
    """The run that is looked at, and its state where that is another than the study's."""
    words = f"run {study.runs.index(run) + 1}/{len(study.runs)} {run.name}"
    own = run.status
    return words if own in (status, "waiting") else f"{words} ({own})"


def _place(state: RunState, planned_epochs: int) -> str:
    decision = state.decisions[-1] if state.decisions else None
    if decision is not None and decision.chosen is None and not state.completed:
        place = f"decision {decision.started.decision + 1}: "
        planned = decision.started.planned
        if planned is None:  # it depends on what is found
            most = decision.started.planned_most
            return f"{place}{len(decision.candidates)}{f' of at most {most}' if most else ''} candidates"
        cells = math.prod(len(axis.values) for axis in decision.started.axes)
        return f"{place}{'cell' if planned == cells else 'candidate'} {len(decision.candidates)}/{planned}"
    batches = state.last_batches
    epochs = state.epochs_planned or planned_epochs
    epoch = f"epoch {min(state.epochs_completed + (not state.completed), epochs)}/{epochs}"
    if batches is None or state.completed is not None or batches.epoch <= state.epochs_completed:
        return epoch
    return f"{epoch} batch {batches.batch}/{batches.batches}"


def clock(seconds: float) -> str:
    """h:mm:ss, as far as 100 hours."""
    minutes, rest = divmod(round(min(seconds, 360_000)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
