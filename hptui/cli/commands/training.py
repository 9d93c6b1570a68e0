"""Commands on a study that there is: resume, watch, stop; and the process that trains one without a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from hptui.cli.detaching import COMMAND
from hptui.cli.exit_codes import DONE
from hptui.cli.launching import train, train_apart
from hptui.cli.notify import Notify, bell_option, notify_options
from hptui.cli.options import (
    detach_option,
    device_option,
    given_settings,
    headless_option,
    json_option,
    machine_options,
)
from hptui.cli.output import print_to_stderr
from hptui.cli.preparing import resumption_preparation
from hptui.cli.screen import has_terminal, show_screen
from hptui.cli.study_arguments import study_argument
from hptui.cli.trusting import allowed_code, trust_option
from hptui.config import StudyConfig, check
from hptui.errors import UsageError
from hptui.record.localizing import localized
from hptui.record.machine_paths import of_this_machine
from hptui.record.mending import mend_logs
from hptui.record.presence import await_silence, refuse_if_written
from hptui.record.study_directory import open_study
from hptui.record.takeover import take_over

OF_THE_ENGINE = ("parallel", "engine", "engine_args")


@click.command()
@study_argument
@click.option("--data-dir", metavar="VALUE", help="where the data are now, if they have moved")
@device_option
@machine_options
@click.option(
    "--force",
    is_flag=True,
    help="Take over from a process of another machine that is known to be gone; one that lives after all ends.",
)
@headless_option
@detach_option
@notify_options
@trust_option
@json_option
def resume(
    directory: Path,
    *,
    data_dir: str | None,
    device: str | None,
    force: bool,
    headless: bool,
    detach: bool,
    trust: bool,
    as_json: bool,
    **told: Any,
) -> int:
    """Go on with a study that was stopped or interrupted.

    Runs that were trained side by side when it was begun here are so again, unless --parallel says otherwise.

    A study that another process trains is left to it. If the process is one of another machine, and did not say that
    it ended, that takes some seconds to see.
    """
    notify = Notify.of(told["bell"], told["notify_command"])
    study = open_study(directory)
    if not force:
        refuse_if_written(directory)
    allowed = allowed_code(study, trust=trust)
    before = localized(study, data_dir, allowed)
    config = _changed(before, given_settings({"device": device} | {name: told[name] for name in OF_THE_ENGINE}))
    if force:  # jobs at work outlive the process that queued them: they are no part of what has gone
        take_over(directory, print_to_stderr, with_runs=not (before.runs_go_on and config.runs_go_on))
        refuse_if_written(directory)
    await_silence(directory, print_to_stderr, with_runs=not config.runs_go_on)
    mend_logs(study, runs_go_on=config.runs_go_on)
    if detach:
        return train_apart(config, notify, headless=headless, as_json=as_json, resumes=study.directory)
    preparation = resumption_preparation(study, config)
    return train(preparation, notify, headless=headless, as_json=as_json, resumes=study.directory)


def _changed(config: StudyConfig, given: dict[str, Any]) -> StudyConfig:
    """The settings with what was given. Arguments change one by one, but those of another engine mean nothing to it."""
    if not given:
        return config
    engine = msgspec.structs.replace(config, engine=given.get("engine", config.engine))
    is_same = of_this_machine(engine).get("engine") == of_this_machine(config).get("engine")
    arguments = (config.engine_args if is_same else {}) | given.get("engine_args", {})
    changed = msgspec.structs.replace(config, **given | {"engine_args": arguments})
    check(changed)
    return changed


@click.command()
@study_argument
@bell_option
def watch(directory: Path, bell: str | None) -> int:
    """Watch and steer a study that is trained, or look at any other.

    The training obeys the user who owns the study's folder, the one who trains, and root. The owner allows a group with

    \b
      mkdir -p STUDY/commands; chgrp GROUP STUDY/commands; chmod g+w STUDY/commands
    """  # noqa: D301 (the sign by which click keeps lines as they are)
    notify = Notify.of(bell)
    open_study(directory)
    if not has_terminal():
        raise UsageError("watch needs a terminal; hptui list and hptui compare do not.")
    return show_screen(notify, watch=directory)


@click.command()
@study_argument
def stop(directory: Path) -> int:
    """Stop a study with a checkpoint, whichever process trains it.

    `hptui resume` goes on with it. Waits until that process has ended. Ctrl+C stops the waiting alone.
    """
    from hptui.cli.stopping import stop_study

    stop_study(open_study(directory))
    return DONE


@click.command(name=COMMAND, hidden=True)
@click.argument("label", required=False)
def trainer(label: str | None) -> int:  # noqa: ARG001 (for lists of processes)
    """Train what stdin says; the process of --detach, started by hptui itself."""
    from hptui.cli.background import train_detached

    return train_detached()
