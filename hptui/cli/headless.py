"""A training without a screen: its progress on stderr, then the comparison on stdout."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hptui import registry
from hptui.cli.concluding import conclude
from hptui.cli.headway_line import HeadwayLine
from hptui.cli.notifier import notify_without_screen
from hptui.cli.notify import Notify
from hptui.cli.output import print_to_stderr
from hptui.cli.session import Session
from hptui.cli.stop_signals import on_signals
from hptui.record.study_directory import open_study

if TYPE_CHECKING:
    from hptui.config import StudyConfig

POLL_SECONDS = 0.05


def train_headless(begin: Callable[[], Session], notify: Notify, *, as_json: bool) -> int:
    """Train in a worker thread, follow the log in this one, print the comparison."""
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
    from hptui.cli.plan_words import planned_lines
    from hptui.cli.progress import ProgressReport
    from hptui.reading.studies import FollowedStudy
    from hptui.record.data_summary import summary_lines
    from hptui.record.housekeeping_words import disk_words

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
