"""A training that is begun from the command line: with the screen or without, in this process or in one of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.notify import Notify
from hptui.cli.screen import has_terminal, show_screen

if TYPE_CHECKING:
    from hptui.cli.detaching import Job
    from hptui.cli.session import Preparation


def train(prepare: Preparation, notify: Notify, *, headless: bool, as_json: bool, resumes: Path | None = None) -> int:
    """Train with a screen if there is a terminal and nobody asked for none; `resumes`: the study, if it exists."""
    from hptui.cli.session import Session

    if headless or as_json or not has_terminal():
        from hptui.cli.headless import train_headless

        return train_headless(partial(Session, prepare, resumes), notify, as_json=as_json)
    return show_screen(notify, partial(Session, prepare, resumes))


def train_apart(job: Job, notify: Notify, *, headless: bool, as_json: bool) -> int:
    """Train in a process of its own, and look at it if there is a terminal and nobody asked for no screen."""
    from hptui.cli.detaching import begin_detached, print_started

    training = begin_detached(job, notify.environment())
    if headless or as_json or not has_terminal():
        return print_started(training, as_json=as_json)
    return show_screen(notify, watch=training.study)
