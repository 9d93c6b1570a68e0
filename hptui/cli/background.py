"""The process of a detached training: it has no terminal, and writes what it has to say into the study's folder."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from hptui.cli.concluding import conclude
from hptui.cli.detaching import Answer, Job
from hptui.cli.exit_codes import INTERRUPTED
from hptui.cli.headless import POLL_SECONDS, report_progress
from hptui.cli.headway_line import HeadwayLine
from hptui.cli.notifier import notify_without_screen
from hptui.cli.notify import Notify
from hptui.cli.preparing import NewStudyPreparation, resumption_preparation
from hptui.cli.session import Preparation, Session
from hptui.cli.stop_signals import on_signals
from hptui.config import StudyConfig
from hptui.errors import RunDirectoryError
from hptui.record.events import RunFailed
from hptui.record.files import open_to_append
from hptui.record.log_backwards import last_event
from hptui.record.presence import is_written
from hptui.record.study_directory import OUTPUT_FILE, open_study


def train_detached() -> int:
    """Train what stdin says; answer on stdout once that has begun. Errors before go to stderr, and there is no answer.

    Returns:
        the exit code, as of a training in the foreground.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        return INTERRUPTED  # whoever started it was gone before a word was said
    job = Job.decode(line)
    answer = os.dup(1)
    os.dup2(2, 1)  # own code may print what it likes: the answer is one line
    sys.stdout = sys.stderr  # in the order in which it is said: the last line is what was wrong
    _put(0, os.open(os.devnull, os.O_RDONLY))
    began = time.time()
    session = Session(_preparation(job))
    notifier = notify_without_screen(session, Notify.of())
    on_signals(session)
    line = HeadwayLine()
    while session.alive and not _has_begun(session.study, began, job.config):
        line.show(session.doing)
        time.sleep(POLL_SECONDS)
    if session.study is not None and session.failure is None:
        _write_into(session.study)
        with contextlib.suppress(OSError):  # whoever started it has gone; it was asked for, and goes on
            os.write(answer, Answer(str(session.study), os.getpid()).encode())
        os.close(answer)
        report_progress(session, session.study)
    session.wait()
    try:
        return conclude(session, as_json=False)
    finally:
        notifier.join()


def _preparation(job: Job) -> Preparation:
    if job.study is None:
        return NewStudyPreparation(job.config)
    return resumption_preparation(open_study(Path(job.study)), job.config)


def _has_begun(directory: Path | None, since: float, config: StudyConfig) -> bool:
    """Whether a run wrote a fact after this moment, and not that it failed: then the reason is about to come.

    Jobs of a cluster may be queued for hours: there it is enough that they are waited for.
    """
    if directory is None:
        return False
    if config.runs_go_on:
        return is_written(directory)
    return any(_is_begun(folder, since) for _, _, folder in open_study(directory).runs())


def _is_begun(run: Path, since: float) -> bool:
    try:
        last = last_event(run)
    except RunDirectoryError:
        return False
    return last is not None and last.time >= since and not isinstance(last, RunFailed)


def _write_into(study: Path) -> None:
    """Write into the study's folder from here on, first what was said before."""
    try:
        output = open_to_append(study / OUTPUT_FILE)
    except OSError:  # a link, or a full disk, which the training tells itself
        output = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.write(output, os.pread(2, os.fstat(2).st_size, 0))
    os.dup2(output, 1)
    _put(2, output)


def _put(number: int, file: int) -> None:
    os.dup2(file, number)
    os.close(file)
