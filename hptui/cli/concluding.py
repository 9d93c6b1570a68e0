"""The end of a training: what the study shows, or why it stopped; and the exit code of its process.

Exit codes: 0 all runs done, 1 failed, 3 stopped and resumable, 130 left before there was anything to go on with, or at
once at a second Ctrl+C.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from hptui.cli.exit_codes import DONE, FAILED, INTERRUPTED, STOPPED
from hptui.cli.output import print_json, print_to_stderr
from hptui.cli.session import Session
from hptui.cli.stop_signals import stopping_signals
from hptui.errors import HptuiError
from hptui.record.study_folders import shown

if TYPE_CHECKING:
    from hptui.reading.studies import FollowedStudy


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
        print_stopped(session)
    if session.stopped_by_signal or not waited_for:
        _leave_at_once(exit_code(session))
    for number in stopping_signals():  # while Python unwinds there are no handlers: what is done is not to be killed
        signal.signal(number, signal.SIG_IGN)
    return exit_code(session)


def _leave_at_once(code: int) -> None:
    """Leave without unwinding Python: that takes a second with torch, and must not happen while it is imported."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def print_stopped(session: Session) -> None:
    """Say on stderr why a training stopped, and how to go on with it."""
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
