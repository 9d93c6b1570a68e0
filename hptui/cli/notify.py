"""How somebody wants to be told of a training's end and of trouble: a flag, or the environment; never a study's folder.

A command belongs to the person and the machine: a study that was received from elsewhere cannot bring one along.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from hptui.errors import UsageError

BELL, COMMAND = "HPTUI_NOTIFY", "HPTUI_NOTIFY_COMMAND"
KINDS = ("bell", "none")


@dataclass(frozen=True)
class Notify:
    """How somebody wants to be told."""

    bell: bool = True
    """by the terminal, where there is one"""
    command: str = ""
    """for the shell; empty: none"""

    @staticmethod
    def of(kind: str | None = None, command: str | None = None) -> Notify:
        """Take what flags say; what is not given there is read from the environment.

        Raises:
            UsageError: the environment names an unknown kind.
        """
        kind = kind or os.environ.get(BELL) or "bell"
        if kind not in KINDS:
            raise UsageError(f"environment: {BELL} = {kind!r}: it takes {' or '.join(KINDS)}.")
        return Notify(kind == "bell", os.environ.get(COMMAND, "") if command is None else command)

    def environment(self) -> dict[str, str]:
        """Variables from which another process of hptui reads the same."""
        return {BELL: KINDS[not self.bell], COMMAND: self.command}


bell_option = click.option(
    "--notify",
    "bell",
    type=click.Choice(KINDS),
    help="bell (default): the terminal calls when a study ends, fails, diverges, or is stuck: silent for ten times as "
    "long as ever before, and for five minutes.  [variable: HPTUI_NOTIFY]",
)
notify_command_option = click.option(
    "--notify-command",
    metavar="COMMAND",
    help="Run by the shell at the same moments, by the process that trains, with HPTUI_STATE (finished, failed, "
    "diverged, stuck), HPTUI_MESSAGE, HPTUI_STUDY, HPTUI_STUDY_DIR, HPTUI_RUN and, in percent, "
    "HPTUI_BASELINE_ACCURACY and HPTUI_OPTIMIZED_ACCURACY.  [variable: HPTUI_NOTIFY_COMMAND]",
)


def notify_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that trains both flags."""
    return bell_option(notify_command_option(command))
