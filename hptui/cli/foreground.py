"""A training in the foreground: its progress on stderr, or the screen; then the comparison on stdout.

Exit codes: 0 all runs done, 1 failed, 3 stopped and resumable, 130 left at once at a second Ctrl+C.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
import msgspec

from hptui.cli.exit_codes import DONE, INTERRUPTED, STOPPED
from hptui.cli.measuring import measure_apart
from hptui.cli.output import discard_output, print_to_stderr
from hptui.cli.session import Preparation, Session
from hptui.errors import UsageError
from hptui.plan import plan_lines
from hptui.record.study_directory import Study, new_directory, open_study

if TYPE_CHECKING:
    from types import FrameType

    from hptui.config import StudyConfig
    from hptui.reading.studies import FollowedStudy
    from hptui.training import PreparedStudy
    from hptui.ui.app import HptuiApp
    from hptui.ui.exporting import ExportOutcome

POLL_SECONDS = 0.05
SWITCH_SECONDS = 0.0002
"""how long the screen may keep the interpreter from the training; Python's own 5 ms are half a batch of a small
network, and every operation of the training waits anew while the screen draws"""
GRACE_SECONDS = 0.7
"""for the app to restore the terminal, once the checkpoint is written"""


class Stoppable(Protocol):
    """Something that a signal stops."""

    @property
    def reason(self) -> str:
        """Reason why it was stopped; empty if it was not."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


def train(prepare: Preparation, *, headless: bool, as_json: bool) -> int:
    """Train with a screen if there is a terminal and nobody asked for none."""
    if headless or as_json or not has_terminal():
        return train_headless(prepare, as_json=as_json)
    return show_screen(prepare)


def has_terminal() -> bool:
    """Whether a screen can be drawn (Textual writes it to stderr) and keys can be read."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and os.environ.get("TERM", "") not in ("", "dumb")


def train_headless(prepare: Preparation, *, as_json: bool) -> int:
    """Train in a worker thread, follow the log in this one, print the comparison."""
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result: own code may print what it likes
        session = Session(prepare)
        on_signals(session)
        while session.study is None and session.alive:
            time.sleep(POLL_SECONDS)
        if session.study is not None:
            report_progress(session, session.study)
        session.join()
    return conclude(session, as_json=as_json)


def report_progress(session: Session, directory: Path) -> None:
    """Say on stderr how far the training is. If that fails, the training goes on in silence; signals still stop it."""
    from hptui.cli.progress import ProgressConsole, ProgressReport
    from hptui.reading.studies import FollowedStudy

    try:
        study = open_study(directory)
        planned = ", ".join(f"{arm} {cost:.2f}" for arm, cost in study.planned_cost.items())
        print_to_stderr(f"study {study.directory}\nplanned cost in plain trainings: {planned}")
        for arm, plan in study.plans.items():
            print_to_stderr("\n".join(f"{arm}: {line}" for line in plan_lines(plan)))
        ProgressReport(FollowedStudy(study), ProgressConsole()).follow(session.finished)
    except OSError:  # whoever read our stderr has gone: `2>&1 | head`, a terminal that was closed
        discard_output(sys.stderr)
    except Exception as error:
        print_to_stderr(f"hptui: no more progress is shown, the training goes on: {type(error).__name__}: {error}")


def show_screen(prepare: Preparation | None = None, watch: Path | None = None) -> int:
    """Show the screen: on a training in this process, on a folder, or on the list of studies.

    The training begins after the first paint: importing torch would hold it up by seconds.
    """
    from hptui.ui.app import HptuiApp

    started: list[Session] = []

    def begin(preparation: Preparation) -> Session:
        started.append(Session(preparation))
        return started[-1]

    def start(config: StudyConfig) -> Session:
        return begin(new_study_preparation(config))

    sys.setswitchinterval(SWITCH_SECONDS)
    app = HptuiApp(
        watch=watch,
        begin=partial(begin, prepare) if prepare is not None else None,
        start=start,
        export=export_files,
        measure=measure_apart,
    )
    on_signals(_AppAndTraining(app, started), screen=True)
    app.run()
    if not started:
        return DONE
    started[-1].stop("quit")
    started[-1].join()
    return conclude(started[-1], as_json=False)


def new_study_preparation(config: StudyConfig) -> Preparation:
    """A function that prepares a study which does not exist yet; torch is imported when it is called."""

    def prepare() -> PreparedStudy:
        directory = new_directory(config)
        from hptui.training import start_study

        return start_study(config, directory)

    return prepare


def resumption_preparation(study: Study, config: StudyConfig) -> Preparation:
    """A function that prepares to go on with a study."""

    def prepare() -> PreparedStudy:
        from hptui.training import PreparedStudy, prepare_inputs

        return PreparedStudy(study, config, prepare_inputs(config))

    return prepare


def export_files(
    directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
) -> ExportOutcome:
    """Write pictures or tables of a study beside it; of all formats, those that can be had here."""
    from hptui.export import export, missing
    from hptui.export.event_files import require_tensorboard
    from hptui.export.formats import FORMATS, parse_formats
    from hptui.reading.studies import follow
    from hptui.ui.exporting import ExportOutcome

    asked, absent = parse_formats(formats), []
    if asked == FORMATS:
        try:
            require_tensorboard()
        except UsageError as error:
            asked, absent = tuple(name for name in asked if name != "tensorboard"), [str(error)]
    study = follow(directory)
    gaps = missing(study)
    files = export(study, directory / "export", asked, progress=progress, should_stop=should_stop)
    return ExportOutcome(files, () if should_stop() else (*gaps, *absent))


def conclude(session: Session, *, as_json: bool) -> int:
    """Print what the study shows; raise what failed."""
    if session.failure is not None:
        raise session.failure
    if session.study is None or not session.completed:
        where = f"; go on with: hptui resume {session.study}" if session.study is not None else ""
        print_to_stderr(f"stopped ({session.reason}){where}")
        return STOPPED if session.study is not None else INTERRUPTED
    from hptui.reading.studies import follow

    print_comparison(follow(session.study), as_json=as_json)
    return DONE


def print_comparison(followed: FollowedStudy, *, as_json: bool) -> None:
    """Print the comparison as a table, or as JSON."""
    from hptui.cli.tables import comparison_table, print_result
    from hptui.reading.comparison import compare

    comparison = compare(followed, intervals=as_json)
    if as_json:
        click.echo(msgspec.json.encode(comparison))
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

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and (screen or signal.getsignal(number) is not signal.SIG_IGN):
            signal.signal(number, handle)


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
            session.finished.wait()
        time.sleep(GRACE_SECONDS)
        os._exit(STOPPED if self._started and not self._started[-1].completed else DONE)
