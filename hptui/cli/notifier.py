"""Follow a training of this process, and tell somebody who is not looking: by the terminal, by their own command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable

from hptui.cli.notify import Notify
from hptui.cli.output import print_to_stderr
from hptui.cli.session import Session
from hptui.errors import HptuiError, first_line
from hptui.reading.alerts import Alert, AlertFinder, finished_alert, mean_accuracy
from hptui.reading.studies import FollowedStudy
from hptui.record.study_directory import open_study
from hptui.ui.bell import attention
from hptui.ui.drawing.literal import literal

MEANWHILE = ("diverged", "stuck")
"""what is told while the training goes on"""
LOOK_SECONDS = 1.0
LIMIT_SECONDS = 30.0
"""how long the command may take; the training never waits for it, only the end of its process does"""

Tell = Callable[[Alert, FollowedStudy], object]
Complain = Callable[[str], object]


class Notifier:
    """Follows a training of this process in a thread of its own, and tells what there is to tell."""

    def __init__(self, session: Session, tell: Tell, complain: Complain) -> None:
        """`tell` gets every alert with its study, `complain` what went wrong with one; both in the thread."""
        self._session, self._tell, self._complain = session, tell, complain
        self._thread = threading.Thread(target=self._work, name="hptui-notifier", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until all is told."""
        self._thread.join()

    def _work(self) -> None:
        try:
            self._follow()
        except Exception as error:  # it must not take the training with it
            self._complain(f"no more is notified: {type(error).__name__}: {error}")

    def _follow(self) -> None:
        session = self._session
        while session.study is None and not session.finished.wait(0.1):
            pass
        if session.study is None:
            return  # whoever started it reads why
        followed = FollowedStudy(open_study(session.study))
        finder = AlertFinder(followed)
        _read_on(followed)
        finder.find(followed.status)  # what a study that is gone on with has had before is of old
        while not session.finished.wait(LOOK_SECONDS):
            _read_on(followed)
            for alert in finder.find(followed.status):
                if alert.kind in MEANWHILE:  # of its end the session knows more than the log
                    self._tell(alert, followed)
        _read_on(followed)
        if session.failure is not None:
            failed = next((run.name for run in followed.runs if run.state.failed is not None), "")
            message = f"{followed.study.name} failed: {first_line(session.failure)}"
            self._tell(Alert("failed", message, failed), followed)
        elif session.completed:
            self._tell(finished_alert(followed), followed)


def _read_on(followed: FollowedStudy) -> None:
    with contextlib.suppress(HptuiError, OSError):  # maybe at the next look; that it has ended is told in any case
        followed.refresh()


def notify_without_screen(session: Session, notify: Notify) -> Notifier:
    """Tell on stderr, by the terminal if that is one, and by the command."""

    def tell(alert: Alert, study: FollowedStudy) -> None:
        if alert.kind in MEANWHILE:  # its end is printed anyway
            print_to_stderr(f"hptui: {alert.message}")
        if notify.bell:
            ring(alert)
        run_command(notify.command, alert, study, complain)

    def complain(words: str) -> None:
        print_to_stderr(f"hptui: {words}")

    return Notifier(session, tell, complain)


def notify_beside_screen(session: Session, notify: Notify, complain: Complain) -> Notifier:
    """Tell by the command alone: the screen sees for itself what there is to tell."""
    return Notifier(session, lambda alert, study: run_command(notify.command, alert, study, complain), complain)


def ring(alert: Alert) -> None:
    """Call attention by the terminal, if stderr is one; nothing is written into pipes and files."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            # past sys.stderr, which a progress bar holds back until the end of a line
            os.write(2, attention(alert.message, os.environ).encode("utf-8", "replace"))


def run_command(command: str, alert: Alert, study: FollowedStudy, complain: Complain) -> None:
    """Run the user's command with the study in its environment; what goes wrong is told, and no more."""
    if not command:
        return
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, **variables(alert, study)},
                start_new_session=True,  # no key of the terminal reaches it, and it ends with all that it started
            )
        except OSError as error:
            complain(f"the notify command cannot be run: {error.strerror}")
            return
        try:
            code = process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            complain(f"the notify command was ended: it took more than {LIMIT_SECONDS:.0f} s")
            return
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").splitlines()
    if code != 0:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
        complain(f"the notify command failed with exit code {code}: {literal(last)}")


def variables(alert: Alert, study: FollowedStudy) -> dict[str, str]:
    """What the command finds in its environment."""
    accuracies = {arm: mean_accuracy(study, arm) for arm in study.study.config.arms}
    return {
        "HPTUI_STATE": alert.kind,
        "HPTUI_MESSAGE": literal(alert.message),
        "HPTUI_STUDY": literal(study.study.name),
        "HPTUI_STUDY_DIR": str(study.study.directory),
        "HPTUI_RUN": alert.run,
    } | {
        f"HPTUI_{arm.upper()}_ACCURACY": f"{100 * accuracy:.2f}"
        for arm, accuracy in accuracies.items()
        if accuracy is not None
    }
