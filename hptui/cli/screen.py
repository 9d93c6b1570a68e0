"""The screen, in front of a training of this process, a folder or the list of studies; and what it asks for.

What a screen may ask for is imported when it asks: nothing but the app itself stands before the first picture.

Once asked to stop, a training writes its checkpoint after the batch that it is at, be it of an epoch, a probe or an
evaluation. The process goes then: within 2 s of a hang-up, unless a batch or the checkpoint of a large network takes
longer. While torch is imported or data are read there is nothing to save, and nobody waits.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.exit_codes import DONE
from hptui.cli.for_screens import compare_studies, export_files, measure_speed
from hptui.cli.notify import Notify
from hptui.cli.stop_signals import on_signals

if TYPE_CHECKING:
    from hptui.cli.detaching import DetachedTraining
    from hptui.cli.notifier import Notifier
    from hptui.cli.session import Session
    from hptui.config import StudyConfig
    from hptui.ui.app import HptuiApp

SWITCH_SECONDS = 0.0002
"""how long the screen may keep the interpreter from the training; Python's own 5 ms are half a batch of a small
network, and every operation of the training waits anew while the screen draws"""
GRACE_SECONDS, PATIENCE_SECONDS = 0.7, 5.0
"""for the app to end, once the checkpoint is written: after a hang-up, and where it has a terminal to restore"""


def has_terminal() -> bool:
    """Whether a screen can be drawn (Textual writes it to stderr) and keys can be read."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM", "") not in (
        "",
        "dumb",
    )


def show_screen(notify: Notify, begin: Callable[[], Session] | None = None, watch: Path | None = None) -> int:
    """Show the screen: on a training in this process, on a folder, or on the list of studies.

    The training begins after the first paint: importing torch would hold it up by seconds.
    """
    from hptui.ui.app import HptuiApp

    sys.setswitchinterval(SWITCH_SECONDS)
    trainings = _Trainings(notify)
    app = trainings.app = HptuiApp(
        watch=watch,
        begin=partial(trainings.keep, begin) if begin is not None else None,
        start=trainings.start,
        resume=trainings.resume,
        detach=trainings.detach,
        export=export_files,
        compare=compare_studies,
        bell=notify.bell,
        measure=measure_speed,
    )
    on_signals(trainings, screen=True)
    app.run()
    if app.opened:
        from hptui.cli.detaching import print_what_goes_on

        print_what_goes_on(app.opened)
    return trainings.end()


class _Trainings:
    """What a window trains, and who is told of it. A signal stops training and app in this order.

    It does so also if the terminal has gone.
    """

    app: HptuiApp

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._started: list[Session] = []
        self._notifiers: list[Notifier] = []
        self.reason = ""

    def keep(self, begin: Callable[[], Session]) -> Session:
        """Begin a training that this window ends with."""
        import hptui.cli.concluding  # noqa: F401 (a signal finds it imported)

        session = begin()
        self._started.append(session)
        if self._notify.command:
            from hptui.cli.notifier import notify_beside_screen

            self._notifiers.append(notify_beside_screen(session, self._notify, self.app.warn))
        return session

    def start(self, config: StudyConfig) -> Session:
        """Train a new study."""
        from hptui.cli.preparing import NewStudyPreparation
        from hptui.cli.session import Session

        return self.keep(partial(Session, NewStudyPreparation(config)))

    def resume(self, directory: Path) -> Session:
        """Go on with a study."""
        from hptui.cli.preparing import prepare_as_it_was
        from hptui.cli.session import Session

        return self.keep(partial(Session, partial(prepare_as_it_was, directory), directory))

    def detach(self, config: StudyConfig) -> DetachedTraining:
        """Train a new study in a process of its own."""
        from hptui.cli.detaching import DetachedTraining, Job

        return DetachedTraining(Job(config), self._notify.environment())

    def stop(self, reason: str) -> None:
        self.reason = reason
        for session in self._started:
            session.stop(reason)
        self.app.hang_up = True
        # An app whose terminal has gone may never come back from a write: leave without it.
        threading.Thread(target=self._leave, name="hptui-leave", daemon=True).start()

    def _leave(self) -> None:
        for session in self._started:
            session.wait()
        time.sleep(GRACE_SECONDS if self.reason == "SIGHUP" else PATIENCE_SECONDS)
        if not self._started:
            os._exit(DONE)
        from hptui.cli.concluding import exit_code

        os._exit(exit_code(self._started[-1]))

    def end(self) -> int:
        """Stop what still trains, once the app has ended; return the exit code, or raise what ended the app."""
        if not self._started:
            return self._app_ended()
        from hptui.cli.concluding import conclude, print_stopped

        last = self._started[-1]
        last.stop("quit")
        last.wait()
        try:
            if self.app.failure is not None:
                print_stopped(last)
                return self._app_ended()
            if self.app.goes_on_detached and last.interrupted is not None:
                return go_on_apart(last.interrupted, self._notify)
            return conclude(last, as_json=False)
        finally:
            for notifier in self._notifiers:
                notifier.join()

    def _app_ended(self) -> int:
        if self.app.failure is not None:
            raise self.app.failure
        return DONE


def go_on_apart(directory: Path, notify: Notify) -> int:
    """Go on with a study that was stopped a moment ago, in a process of its own."""
    from hptui.cli.detaching import Job, begin_detached, print_started
    from hptui.record.localizing import localized
    from hptui.record.study_directory import open_study

    study = open_study(directory)
    job = Job(localized(study), str(study.directory))
    return print_started(begin_detached(job, notify.environment()), as_json=False)
