"""A training in the foreground: its progress on stderr, or the screen; then the comparison on stdout.

Exit codes: 0 all runs done, 1 failed, 3 stopped and resumable, 130 left before there was anything to go on with, or at
once at a second Ctrl+C.

Once asked to stop, a training writes its checkpoint after the batch that it is at, be it of an epoch, a probe or an
evaluation. The process goes then: within 2 s of a hang-up, unless a batch or the checkpoint of a large network takes
longer. While torch is imported or data are read there is nothing to save, and nobody waits.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from hptui import registry
from hptui.cli.detaching import DetachedTraining, Job, begin_detached, print_started, print_what_goes_on
from hptui.cli.exit_codes import DONE, FAILED, INTERRUPTED, STOPPED
from hptui.cli.headway_line import HeadwayLine
from hptui.cli.measuring import measure_apart
from hptui.cli.notify import Notify
from hptui.cli.output import print_json, print_to_stderr
from hptui.cli.plan_words import planned_lines
from hptui.cli.session import Preparation, Session
from hptui.errors import HptuiError, UsageError
from hptui.record.data_summary import summary_lines
from hptui.record.housekeeping_words import disk_words
from hptui.record.localizing import localized
from hptui.record.mending import mend_logs
from hptui.record.presence import refuse_if_written
from hptui.record.study_directory import Study, new_directory, open_study, shown

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import RenderableType

    from hptui.config import StudyConfig
    from hptui.reading.studies import FollowedStudy
    from hptui.training import PreparedStudy
    from hptui.ui.app import HptuiApp
    from hptui.ui.exporting import ExportOutcome

POLL_SECONDS = 0.05
SWITCH_SECONDS = 0.0002
"""how long the screen may keep the interpreter from the training; Python's own 5 ms are half a batch of a small
network, and every operation of the training waits anew while the screen draws"""
GRACE_SECONDS, PATIENCE_SECONDS = 0.7, 5.0
"""for the app to end, once the checkpoint is written: after a hang-up, and where it has a terminal to restore"""


class Stoppable(Protocol):
    """Something that a signal stops."""

    @property
    def reason(self) -> str:
        """Reason why it was stopped; empty if it was not."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


def train(prepare: Preparation, notify: Notify, *, headless: bool, as_json: bool, resumes: Path | None = None) -> int:
    """Train with a screen if there is a terminal and nobody asked for none; `resumes`: the study, if it exists."""
    if headless or as_json or not has_terminal():
        return train_headless(partial(Session, prepare, resumes), notify, as_json=as_json)
    return show_screen(notify, partial(Session, prepare, resumes))


def train_apart(job: Job, notify: Notify, *, headless: bool, as_json: bool) -> int:
    """Train in a process of its own, and look at it if there is a terminal and nobody asked for no screen."""
    training = begin_detached(job, notify.environment())
    if headless or as_json or not has_terminal():
        return print_started(training, as_json=as_json)
    return show_screen(notify, watch=training.study)


def go_on_apart(directory: Path, notify: Notify) -> int:
    """Go on with a study that was stopped a moment ago, in a process of its own."""
    study = open_study(directory)
    job = Job(localized(study), str(study.directory))
    return print_started(begin_detached(job, notify.environment()), as_json=False)


def has_terminal() -> bool:
    """Whether a screen can be drawn (Textual writes it to stderr) and keys can be read."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM", "") not in (
        "",
        "dumb",
    )


def train_headless(begin: Callable[[], Session], notify: Notify, *, as_json: bool) -> int:
    """Train in a worker thread, follow the log in this one, print the comparison."""
    from hptui.cli.notifier import notify_without_screen

    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result: own code may print what it likes
        session = begin()
        notifier = notify_without_screen(session, notify)
        on_signals(session)
        line = HeadwayLine()
        while session.study is None and session.alive:
            line.show(session.doing)
            time.sleep(POLL_SECONDS)
        line.clear()
        if session.study is not None:
            report_progress(session, session.study)
        session.wait()
    try:
        return conclude(session, as_json=as_json)
    finally:
        notifier.join()


def report_progress(session: Session, directory: Path) -> None:
    """Say on stderr how far the training is. If that fails, the training goes on in silence; signals still stop it."""
    from hptui.cli.console import HarmlessConsole
    from hptui.cli.progress import ProgressReport
    from hptui.reading.studies import FollowedStudy

    try:
        study = open_study(directory)
        read = summary_lines(study.data) if study.data is not None else []
        print_to_stderr("\n".join([f"study {study.directory}", *read, *planned_lines(study)]))
        for strategy in without_steps(study.config):
            print_to_stderr(f"{strategy} takes ends and scale of each range, and values of its own: steps are not used")
        if words := disk_words(study):
            print_to_stderr(words)
        for line in study.warnings:
            print_to_stderr(f"hptui: {line}")
        ProgressReport(FollowedStudy(study), HarmlessConsole(stderr=True)).follow(session.finished)
    except Exception as error:
        print_to_stderr(f"hptui: no more progress is shown, the training goes on: {type(error).__name__}: {error}")


def without_steps(config: StudyConfig) -> list[str]:
    """Strategies of this study that pass over the steps of its ranges; own ones say it themselves."""
    names = dict.fromkeys(config.strategy_of(arm) for arm in config.arms)
    known = {name: registry.load("strategies", name) for name in names if not registry.is_own(name)}
    return [name for name, strategy in known.items() if strategy.searches and not strategy.uses_steps]


def show_screen(notify: Notify, begin: Callable[[], Session] | None = None, watch: Path | None = None) -> int:
    """Show the screen: on a training in this process, on a folder, or on the list of studies.

    The training begins after the first paint: importing torch would hold it up by seconds.
    """
    from hptui.cli.notifier import Notifier, notify_beside_screen
    from hptui.ui.app import HptuiApp

    started: list[Session] = []
    notifiers: list[Notifier] = []

    def kept(begin: Callable[[], Session]) -> Session:
        started.append(begin())
        if (notifier := notify_beside_screen(started[-1], notify, app.warn)) is not None:
            notifiers.append(notifier)
        return started[-1]

    def start(config: StudyConfig) -> Session:
        return kept(partial(Session, NewStudyPreparation(config)))

    def resume(directory: Path) -> Session:
        return kept(partial(Session, partial(prepare_resumption, directory), directory))

    def detach(config: StudyConfig) -> DetachedTraining:
        return DetachedTraining(Job(config), notify.environment())

    sys.setswitchinterval(SWITCH_SECONDS)
    app = HptuiApp(
        watch=watch,
        begin=partial(kept, begin) if begin is not None else None,
        start=start,
        resume=resume,
        detach=detach,
        export=export_files,
        compare=compare_studies,
        bell=notify.bell,
        measure=measure_apart,
    )
    on_signals(_AppAndTraining(app, started), screen=True)
    app.run()
    print_what_goes_on(app.opened)
    if not started:
        return _ended(app)
    started[-1].stop("quit")
    started[-1].wait()
    try:
        if app.failure is not None:
            _say_stopped(started[-1])
            return _ended(app)
        if app.goes_on_detached and started[-1].interrupted is not None:
            return go_on_apart(started[-1].interrupted, notify)
        return conclude(started[-1], as_json=False)
    finally:
        for notifier in notifiers:
            notifier.join()


def _ended(app: HptuiApp) -> int:
    """The exit code of an app without a training; raise what ended it, if that was an error."""
    if app.failure is not None:
        raise app.failure
    return DONE


class NewStudyPreparation:
    """Prepares a study that does not exist yet; torch is imported when it is called."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self.directory: Path | None = None
        """where the study will be"""

    def __call__(self) -> PreparedStudy:
        self.directory = new_directory(self._config)
        from hptui.training import start_study

        return start_study(self._config, self.directory)


def resumption_preparation(study: Study, config: StudyConfig) -> Preparation:
    """A function that prepares to go on with a study."""

    def prepare() -> PreparedStudy:
        from hptui.training import PreparedStudy, prepare_inputs

        return PreparedStudy(study, config, prepare_inputs(config))

    return prepare


def prepare_resumption(directory: Path) -> PreparedStudy:
    """Prepare to go on with the study in a folder, with data and own files where they were."""
    refuse_if_written(directory)
    study = open_study(directory)
    config = localized(study)
    mend_logs(study)
    return resumption_preparation(study, config)()


def compare_studies(directories: Sequence[Path]) -> RenderableType:
    """What `hptui compare` prints of these studies."""
    from hptui.cli.comparing import comparison_text
    from hptui.reading.comparison import Question

    return comparison_text(directories, Question(), classes=False)


def export_files(
    directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
) -> ExportOutcome:
    """Write pictures or tables of a study beside it; of all formats, those that can be had here."""
    from hptui.export import export, missing
    from hptui.export.event_files import require_tensorboard
    from hptui.export.formats import FORMATS, parse_formats
    from hptui.reading.studies import follow
    from hptui.record.contents import EXPORT
    from hptui.ui.exporting import ExportOutcome

    asked, absent = parse_formats(formats), []
    if asked == FORMATS:
        try:
            require_tensorboard()
        except UsageError as error:
            asked, absent = tuple(name for name in asked if name != "tensorboard"), [str(error)]
    study = follow(directory)
    gaps = missing(study)
    files = export(study, directory / EXPORT, asked, progress=progress, should_stop=should_stop)
    return ExportOutcome(files, () if should_stop() else (*gaps, *absent))


def conclude(session: Session, *, as_json: bool) -> int:
    """Print what the study shows; raise what failed."""
    waited_for = session.finished.is_set()
    if waited_for:
        session.join()
    if session.failure is not None:
        raise session.failure
    if session.study is not None and session.completed:
        from hptui.reading.studies import follow

        print_comparison(follow(session.study), as_json=as_json)
    else:
        _say_stopped(session)
    if session.stopped_by_signal or not waited_for:
        _leave_at_once(exit_code(session))
    for number in _stopping_signals():  # while Python unwinds there are no handlers: what is done is not to be killed
        signal.signal(number, signal.SIG_IGN)
    return exit_code(session)


def _leave_at_once(code: int) -> None:
    """Leave without unwinding Python: that takes a second with torch, and must not happen while it is imported."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _say_stopped(session: Session) -> None:
    study = session.resumable
    where = f"; go on with: hptui resume {shlex.quote(shown(study))}" if study is not None else ""
    print_to_stderr(f"stopped ({session.reason}){where}")


def exit_code(session: Session) -> int:
    """What the exit code says of a training that is over, or that nobody waits for."""
    if session.failure is not None:
        return session.failure.exit_code if isinstance(session.failure, HptuiError) else FAILED
    if session.completed:
        return DONE
    return STOPPED if session.resumable is not None else INTERRUPTED


def print_comparison(followed: FollowedStudy, *, as_json: bool) -> None:
    """Print the comparison as a table, or as JSON."""
    from hptui.cli.console import print_result
    from hptui.cli.tables import comparison_table
    from hptui.reading.comparison import compare

    comparison = compare(followed, intervals=as_json)
    if as_json:
        print_json(msgspec.json.encode(comparison))
    else:
        print_result(comparison_table(comparison))


def on_signals(target: Stoppable, *, screen: bool = False) -> None:
    """Stop `target` with a checkpoint at the first signal; leave at once at a second Ctrl+C: the last checkpoint stays.

    A signal that is ignored from the start stays ignored: that is how nohup keeps a training alive. Not so with a
    screen, which cannot go on without its terminal.
    """

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if target.reason and number == signal.SIGINT:
            os._exit(INTERRUPTED)
        target.stop(signal.Signals(number).name)

    for number in _stopping_signals():
        if screen or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def _stopping_signals() -> list[signal.Signals]:
    """Those that this system has."""
    return [number for number in signal.Signals if number.name in ("SIGINT", "SIGTERM", "SIGHUP")]


class _AppAndTraining:
    """Training and app, which a signal stops in this order, also if the terminal has gone."""

    def __init__(self, app: HptuiApp, started: list[Session]) -> None:
        self._app, self._started = app, started
        self.reason = ""

    def stop(self, reason: str) -> None:
        self.reason = reason
        for session in self._started:
            session.stop(reason)
        self._app.hang_up = True
        # An app whose terminal has gone may never come back from a write: leave without it.
        threading.Thread(target=self._leave, name="hptui-leave", daemon=True).start()

    def _leave(self) -> None:
        for session in self._started:
            session.wait()
        time.sleep(GRACE_SECONDS if self.reason == "SIGHUP" else PATIENCE_SECONDS)
        os._exit(exit_code(self._started[-1]) if self._started else DONE)
