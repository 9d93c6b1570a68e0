"""One study as a list shows it: state, progress and results, from the ends of its logs.

Nothing here folds a log: of 20 runs of any length it takes some milliseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from hptui.config import Arm, StudyConfig
from hptui.errors import told
from hptui.reading.comparison.arms import Summary, summarize
from hptui.reading.comparison.differences import Difference, student_difference
from hptui.reading.glance import RunGlance, glance
from hptui.reading.main_scores import Measured, main_scores
from hptui.reading.progress import StudyProgress
from hptui.reading.studies import Status, status_of
from hptui.record.events import DecisionStarted
from hptui.record.log_backwards import last_of_kind
from hptui.record.notes import read_note
from hptui.record.presence import is_written
from hptui.record.run_directory import EVENTS_FILE, MODEL_FILE
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import STUDY_FILE
from hptui.record.task import Task

State = Status | Literal["unreadable", "..."]
UNREADABLE: State = "unreadable"
UNREAD: State = "..."
"""not looked at yet"""
Stamp = list[tuple[str, int, int]]
"""name, time and size of files: as long as these are as they were, so is what was read"""


@dataclass(frozen=True)
class StudyResults:
    """Test accuracies of completed runs (of several labels per image: mean AUC), delivered weights, as fractions.

    As soon as a pair is complete, with equal epochs, all three are over such pairs alone; until then over the runs.
    """

    baseline: Summary
    optimized: Summary
    difference: Difference
    """optimized minus baseline by pairs of one seed, with Student's interval: that of `hptui compare`"""
    planned: int
    """runs of each arm that there will be"""
    metric: str = "accuracy"
    """what they are, see `hptui.reading.main_scores`"""

    @property
    def is_interim(self) -> bool:
        """Whether some of the planned runs are not among them."""
        return any(len(arm.values) not in (0, self.planned) for arm in (self.baseline, self.optimized))


@dataclass(frozen=True)
class StudyLine:
    """One study as the list shows it."""

    directory: Path
    created: float
    """seconds since 1970, UTC"""
    state: State
    config: StudyConfig | None = None
    """None: it cannot be read, or has not been"""
    problem: str = ""
    """why it cannot be read"""
    run_status: tuple[tuple[str, Status], ...] = ()
    """of every planned run, by its name"""
    epochs: int = 0
    """completed in all runs together"""
    done: float | None = None
    """share of the work of all planned runs, probes and added epochs included; None: not read"""
    goes_on: tuple[str, ...] = ()
    """finished runs that have fewer epochs than are planned since some were added"""
    results: StudyResults | None = None
    note: str = ""
    size: int | None = None
    """bytes on disk; None: not counted yet"""
    kept: int = 0
    """bytes that the runs are expected to keep once all are finished; 0: an older hptui did not plan it"""
    task: Task = "single-label"
    """what its results are of: classes, or several labels per image"""

    @property
    def key(self) -> str:
        return str(self.directory)

    @property
    def runs(self) -> int:
        """Runs that are planned."""
        return len(self.run_status)

    @property
    def finished(self) -> int:
        return sum(status == "finished" for _, status in self.run_status)

    @property
    def planned_epochs(self) -> int:
        """Epochs of all planned runs together."""
        return self.runs * self.config.epochs if self.config is not None else 0

    def matches(self, words: Iterable[str]) -> bool:
        """Whether each of these words, in small letters, occurs in name, state, settings or note."""
        config = self.config
        named = (config.dataset, config.model, config.strategy, config.optimizer) if config is not None else ()
        text = " ".join((self.directory.name, self.state, *named, self.note)).lower()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Glances:
    """What was seen of the runs of a study, kept from one look to the next."""

    runs: dict[Path, tuple[object, RunGlance]] = field(default_factory=dict)
    """with what the files of each were like"""
    measured: Measured = field(default_factory=dict)


def read_line(directory: Path, glances: Glances | None = None) -> StudyLine:
    """One study, whatever is wrong with it; without its size.

    Args:
        directory: of the study.
        glances: what was seen of its runs before; those that have ended, and are as they were, are not read again.
    """
    try:
        return _line_of(directory, open_study(directory), Glances() if glances is None else glances)
    except Exception as error:  # one damaged study must not hide the others
        created = 0.0
        with contextlib.suppress(OSError):
            created = (directory / STUDY_FILE).stat().st_mtime
        return StudyLine(directory, created, UNREADABLE, problem=told(error), note=read_note(directory))


def _line_of(directory: Path, study: Study, glances: Glances) -> StudyLine:
    runs = [Glanced(arm, seed, path, _seen(path, glances)) for arm, seed, path in study.runs()]
    progress = StudyProgress(study, tuple(run.seen.progress for run in runs), None)
    if not progress.is_over:
        progress = replace(progress, newest=_newest_decision(runs))
    planned = progress.epochs
    task: Task = study.data.task if study.data is not None else "single-label"
    goes_on = tuple(run.path.name for run in runs if 0 < run.seen.progress.completed < planned)
    written = is_written(study.directory)
    return StudyLine(
        directory=directory,
        created=study.created,
        state=status_of({run.seen.status for run in runs}, written=written, goes_on=bool(goes_on)),
        config=study.config,
        run_status=tuple((run.path.name, run.seen.status) for run in runs),
        epochs=sum(run.seen.epochs for run in runs),
        done=progress.share,
        goes_on=goes_on,
        results=_results(runs, study.config.runs, task, glances.measured),
        note=read_note(directory),
        kept=len(runs) * study.disk.kept if study.disk is not None else 0,
        task=task,
    )


def _seen(run: Path, glances: Glances) -> RunGlance:
    """A glance at a run, or at what was seen of it before it ended: in a large study most of them have."""
    stamp = stamp_of([run / name for name in (".", EVENTS_FILE, MODEL_FILE)])
    before, seen = glances.runs.get(run, (None, None))
    if seen is None or stamp != before:
        seen = glance(run)
        if seen.status == "finished":
            glances.runs[run] = stamp, seen
    return seen


class Glanced(NamedTuple):
    """A run of a study, looked at."""

    arm: Arm
    seed: int
    path: Path
    seen: RunGlance


def _newest_decision(runs: Sequence[Glanced]) -> DecisionStarted | None:
    """Newest decision of the run that was written last, of those that have any."""
    for run in sorted(runs, key=lambda run: run.seen.time, reverse=True):
        if run.seen.time and isinstance(found := last_of_kind(run.path, DecisionStarted), DecisionStarted):
            return found
    return None


def _results(runs: Sequence[Glanced], planned: int, task: Task, measured: Measured) -> StudyResults:
    tested = {run[:2]: (run.path, run.seen.test_accuracy) for run in runs if run.seen.test_accuracy is not None}
    metric, scores = main_scores(tested, task, measured)
    done: dict[Arm, dict[int, RunGlance]] = {"baseline": {}, "optimized": {}}
    for run in runs:
        if run[:2] in scores:
            done[run.arm][run.seed] = run.seen
    both = done["baseline"].keys() & done["optimized"].keys()
    pairs = {seed for seed in both if _asked(done["baseline"][seed]) == _asked(done["optimized"][seed])}
    baseline, optimized = (
        {seed: scores[arm, seed] for seed in of_arm if seed in pairs or not pairs} for arm, of_arm in done.items()
    )
    difference = student_difference(*(({}, {}) if not pairs else (baseline, optimized)))
    return StudyResults(summarize(baseline.values()), summarize(optimized.values()), difference, planned, metric)


def _asked(run: RunGlance) -> int:
    return run.progress.completed


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """What these files are like; those that are not there are left out."""
    stamp = []
    for path in paths:
        with contextlib.suppress(OSError):
            stat = path.stat()
            stamp.append((str(path), stat.st_mtime_ns, stat.st_size))
    return stamp
