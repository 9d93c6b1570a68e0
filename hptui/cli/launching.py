"""A training that is begun from the command line: with the screen or without, in this process or in one of its own.

What trains, here or apart, is imported when it begins: after the first picture, where there is a screen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.notify import Notify
from hptui.cli.screen import has_terminal, show_screen

if TYPE_CHECKING:
    from hptui.cli.session import Preparation, Session
    from hptui.config import StudyConfig


def train(prepare: Preparation, notify: Notify, *, headless: bool, as_json: bool, resumes: Path | None = None) -> int:
    """Train with a screen if there is a terminal and nobody asked for none; `resumes`: the study, if it exists."""

    def begin() -> Session:
        from hptui.cli.session import Session

        return Session(prepare, resumes)

    if headless or as_json or not has_terminal():
        from hptui.cli.headless import train_headless

        return train_headless(begin, notify, as_json=as_json)
    return show_screen(notify, begin)


def train_apart(
    config: StudyConfig, notify: Notify, *, headless: bool, as_json: bool, resumes: Path | None = None
) -> int:
    """Train in a process of its own, and look at it if there is a terminal and nobody asked for no screen."""
    from hptui.cli.detaching import Job, begin_detached, print_started

    job = Job(config, str(resumes) if resumes is not None else None)
    training = begin_detached(job, notify.environment())
    if headless or as_json or not has_terminal():
        return print_started(training, as_json=as_json)
    return show_screen(notify, watch=training.study)
