"""The strip at the top: state, progress, rate, time left, cost, load of the machine."""

from __future__ import annotations

import time
from collections import deque
from typing import ClassVar, get_args

from textual.widgets import Static

from hptui.reading.plan import candidate_words, under_way
from hptui.reading.progress import StudyProgress, seconds_left, study_progress
from hptui.reading.run_result import delivery_mark, end_mark
from hptui.reading.run_state import RunState
from hptui.reading.studies import AT_WORK, FollowedRun, FollowedStudy, Status
from hptui.ui.drawing.charts import BASELINE, OPTIMIZED
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.gauges import Part
from hptui.ui.drawing.strip_lines import Standing, Watched, strip_lines
from hptui.ui.load import MachineLoad

WINDOW_SECONDS = 20.0
"""over which the rate is taken"""
HISTORY = 16
"""looks at the load of the machine that its graphs show"""

HELD = "by hand (u)"
"""while the strategy decides nothing, because somebody chose the values"""
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
    StatusStrip .strip--running, StatusStrip .strip--finished { color: $text-success; text-style: bold; }
    StatusStrip .strip--paused, StatusStrip .strip--lost, StatusStrip .strip--stopped {
        color: $text-warning; text-style: bold;
    }
    StatusStrip .strip--failed { color: $text-error; text-style: bold; }
    StatusStrip .strip--waiting { text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"strip--{status}" for status in get_args(Status)}

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._images = Rate()
        self._load = MachineLoad()
        self._history: dict[str, deque[float]] = {}
        """by gauge"""
        self._shown: tuple[Standing, Status, Palette] | None = None

    def on_mount(self) -> None:
        """Say under the mouse what the bar counts, and how far the time left can be believed."""
        self.tooltip = (
            "The bar: images processed in probes and training, of those planned for all runs, each run a part of it. "
            "Time left: at the pace of this study so far. Strategies that end early need less; ranges or epochs that "
            "are changed by hand, and a machine with other work to do, change it. Trained: the time of all runs "
            "together, also where they were trained side by side."
        )

    def show(
        self,
        study: FollowedStudy,
        run: FollowedRun,
        status: Status,
        *,
        palette: Palette | None = None,
        reading: bool = False,
    ) -> None:
        """Show a study, once or twice a second; while an old log is still being read, its images are no work of now."""
        if status != "running" or reading:
            self._images.forget()
        images = sum(entry.state.images_trained + entry.state.images_probed for entry in study.runs)
        rate = self._images.measure(images, time.monotonic())
        progress = study_progress(study)
        standing = Standing(
            state=f"{MARKS[status]} {status}",
            run=_which(study, run, status),
            place=_place(run.state, study.epochs + run.state.end_moved),
            held=HELD if run.state.by_hand and run.status in AT_WORK else "",
            delivered=", ".join(filter(None, (delivery_mark(run.state), end_mark(run.state)))),
            name=study.study.name,
            parts=_parts(study, progress),
            done=progress.share,
            time=_time(study, status),
            rate=f"{rate:,.0f} images/s" if status == "running" else "",
            cost=f"cost {run.state.cost:.2f}",
            gauges=self._look_at_load(run.state.started.device if run.state.started is not None else ""),
        )
        self._shown = standing, status, palette or Palette()
        self._draw()

    def _look_at_load(self, device: str) -> tuple[Watched, ...]:
        """Every gauge with its history; of one that is not there any more, what it was is forgotten."""
        gauges = self._load.measure(device)
        before = self._history
        self._history = {gauge.name: before.get(gauge.name, deque(maxlen=HISTORY)) for gauge in gauges}
        for gauge in gauges:
            self._history[gauge.name].append(gauge.share)
        return tuple(Watched(gauge, tuple(self._history[gauge.name])) for gauge in gauges)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        standing, status, palette = self._shown
        style = self.get_component_rich_style(f"strip--{status}", partial=True)
        lines = strip_lines(standing, self.content_size.width, palette, style)
        self.update(lines, layout=False)  # its size is fixed: no reason to arrange the whole screen anew


def _parts(study: FollowedStudy, progress: StudyProgress) -> tuple[Part, ...]:
    return tuple(
        Part(expected, done.work / expected if expected else 0.0, BASELINE if run.arm == "baseline" else OPTIMIZED)
        for run, done, expected in zip(study.runs, progress.runs, progress.expected(), strict=True)
    )


def _time(study: FollowedStudy, status: Status) -> str:
    """What is left, in round figures; of a study that nobody works on, the training time of its runs together."""
    if status not in AT_WORK:
        spent = sum(run.state.seconds for run in study.runs)
        return f"trained {clock(spent)}" if spent else ""
    left = seconds_left(study)
    return f"~{clock(left)} left" if left is not None else "- left"


def _which(study: FollowedStudy, run: FollowedRun, status: Status) -> str:
    """The run that is looked at, its state where that is another than the study's, and how many are at work."""
    words = f"run {study.runs.index(run) + 1}/{len(study.runs)} {run.name}"
    own = run.status
    if own not in (status, "waiting"):
        words += f" ({own})"
    at_work = sum(one.status in AT_WORK for one in study.runs) if status in AT_WORK else 0
    return f"{words}, {at_work} at work" if at_work > 1 else words


def _place(state: RunState, epochs: int) -> str:
    decision = under_way(state)
    if decision is not None:
        return f"decision {decision.started.decision + 1}: {candidate_words(decision)}"
    batches = state.last_batches
    epoch = f"epoch {min(state.epochs_completed + (not state.completed), epochs)}/{epochs}"
    if batches is None or state.completed is not None or batches.epoch <= state.epochs_completed:
        return epoch
    return f"{epoch} batch {batches.batch}/{batches.batches}"


def clock(seconds: float) -> str:
    """h:mm:ss, as far as 100 hours."""
    minutes, rest = divmod(round(min(seconds, 360_000)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
