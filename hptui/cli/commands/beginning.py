"""The command that begins a study: run. Nothing is imported here that a study has to be on the disk for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hptui.cli.launching import train, train_apart
from hptui.cli.notify import Notify, notify_options
from hptui.cli.options import (
    config_argument,
    detach_option,
    headless_option,
    json_option,
    resolve_layers,
    settings_options,
)
from hptui.cli.preparing import NewStudyPreparation
from hptui.record.new_folders import new_directory


@click.command()
@config_argument
@settings_options
@headless_option
@detach_option
@notify_options
@json_option
def run(
    config: Path | None,
    headless: bool,
    detach: bool,
    bell: str | None,
    notify_command: str | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Start a study: baseline and optimized runs, paired by seed.

    With --detach the training goes on when this terminal is closed and when you log out. Where systemd is set to end
    all processes of who logs out (KillUserProcesses=yes), that takes two things more, the first of them once:

    \b
      loginctl enable-linger
      systemd-run --user --scope hptui run --detach ...
    """  # noqa: D301 (the sign by which click keeps lines as they are)
    notify = Notify.of(bell, notify_command)
    resolved = resolve_layers(config, flags)
    new_directory(resolved.config)  # a place that cannot be used is told before any screen
    if detach:
        return train_apart(resolved.config, notify, headless=headless, as_json=as_json)
    return train(NewStudyPreparation(resolved.config), notify, headless=headless, as_json=as_json)
