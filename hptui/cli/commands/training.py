"""Commands that train a study, or watch one that is trained: run, resume, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from hptui.cli.foreground import NewStudyPreparation, has_terminal, resumption_preparation, show_screen, train
from hptui.cli.options import (
    config_argument,
    device_option,
    given_device,
    json_option,
    resolve_layers,
    settings_options,
)
from hptui.cli.study_arguments import study_argument
from hptui.errors import UsageError
from hptui.record.localizing import localized
from hptui.record.mending import mend_logs
from hptui.record.presence import refuse_if_written
from hptui.record.study_directory import new_directory, open_study


@click.command()
@config_argument
@settings_options
@click.option("--headless", is_flag=True, help="No screen: progress on stderr, the result on stdout.")
@json_option
def run(config: Path | None, headless: bool, as_json: bool, **flags: Any) -> int:
    """Start a study: N baseline runs and N optimized runs, paired by seed."""
    resolved = resolve_layers(config, flags)
    new_directory(resolved.config)  # a place that cannot be used is told before any screen
    return train(NewStudyPreparation(resolved.config), headless=headless, as_json=as_json)


@click.command()
@study_argument
@click.option("--data-dir", metavar="VALUE", help="where the data are now, if they have moved")
@device_option
@click.option("--headless", is_flag=True, help="No screen: progress on stderr, the result on stdout.")
@json_option
def resume(directory: Path, data_dir: str | None, device: str | None, headless: bool, as_json: bool) -> int:
    """Go on with what was interrupted, from the last checkpoint."""
    study = open_study(directory)
    refuse_if_written(directory)
    mend_logs(study)
    config = localized(study, data_dir)
    if device is not None:
        config = msgspec.structs.replace(config, device=given_device(device))
    preparation = resumption_preparation(study, config)
    return train(preparation, headless=headless, as_json=as_json, resumes=study.directory)


@click.command()
@study_argument
def watch(directory: Path) -> int:
    """Watch and steer a study that another process trains, or look at a finished or copied one."""
    open_study(directory)
    if not has_terminal():
        raise UsageError("watch needs a terminal; hptui list and hptui compare do not.")
    return show_screen(watch=directory)
