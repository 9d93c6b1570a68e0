"""The strip at the top: state, place, rate, time left, cost, load of the machine."""

from __future__ import annotations

import time
from collections import deque

from rich.text import Text
from textual.widgets import Static

from hptui.run_state import RunState
from hptui.studies import FollowedRun, FollowedStudy, Status
from hptui.ui._literal import literal
from hptui.ui._load import MachineLoad
from hptui.ui.headless import expected_work, work_done

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

    def take(self, work: float, now: float) -> float:
        """`work` so far at time `now`; gives the rate per second, 0 until it is known."""
        self._seen.append((now, work))
        while now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return (work - before) / (now - began) if now > began else 0.0


class StatusStrip(Static):
    """Two lines that fit 80 columns."""

    DEFAULT_CSS = """
    StatusStrip { height: 2; padding: 0 1; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._images, self._work = Rate(), Rate()
        self._load = MachineLoad()

    def show(self, study: FollowedStudy, run: FollowedRun, status: Status) -> None:
        """Once or twice a second."""
        now = time.monotonic()
        images = sum(entry.state.images_trained + entry.state.images_probed for entry in study.runs)
        total = sum(expected_work(study, entry) for entry in study.runs)
        done = sum(work_done(entry.state) for entry in study.runs)
        image_rate, work_rate = self._images.take(images, now), self._work.take(done, now)
        active = status == "running"
        left = clock((total - done) / work_rate) if active and work_rate > 0 else "-"
        number = study.runs.index(run) + 1
        which = f"run {number}/{len(study.runs)} {run.name}"
        device = run.state.started.device if run.state.started is not None else ""
        first = f"{MARKS[status]} {status}  {study.study.name}  {which}  {_place(run.state)}"
        second = (
            f"{image_rate if active else 0:,.0f} images/s  left {left}  done {done / total:.0%}  "
            f"cost {run.state.cost:.2f}  {self._load.words(device)}"
        )
        text = Text(f"{literal(first)}\n{second}", no_wrap=True, overflow="ellipsis")
        self.update(text, layout=False)  # its size is fixed: no reason to arrange the whole screen anew


def _place(state: RunState) -> str:
    decision = state.decisions[-1] if state.decisions else None
    if decision is not None and decision.chosen is None and not state.completed:
        planned = 1
        for axis in decision.started.axes:
            planned *= len(axis.values)
        return f"decision {decision.started.decision + 1}: cell {len(decision.candidates)}/{planned}"
    batches = state.last_batches
    epoch = f"epoch {min(state.epochs_completed + (not state.completed), state.epochs_planned)}/{state.epochs_planned}"
    if batches is None or state.completed is not None or batches.epoch <= state.epochs_completed:
        return epoch
    return f"{epoch} batch {batches.batch}/{batches.batches}"


def clock(seconds: float) -> str:
    """h:mm:ss, as far as 100 hours."""
    minutes, rest = divmod(round(min(seconds, 360_000)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
