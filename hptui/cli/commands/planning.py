"""The command that says what a study would do and cost, before anything is trained: plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from hptui.budget import budget_lines, settled
from hptui.cli.exit_codes import DONE
from hptui.cli.options import config_argument, json_option, resolve_layers, settings_options
from hptui.cli.output import print_json, print_line
from hptui.planning import Speed, expected_seconds, plan_study, study_lines, time_words


@click.command()
@config_argument
@settings_options
@click.option("--measure", is_flag=True, help="Read the data and train for a second, to tell how long it will take.")
@json_option
def plan(config: Path | None, measure: bool, as_json: bool, **flags: Any) -> int:
    """Say what a study would try, before which epochs, at what cost.

    Nothing is started. How many images there are decides what a budget reaches; they are counted with --measure.
    """
    settings = resolve_layers(config, flags).config
    plans = plan_study(settings)  # what is refused is told before the data are read
    speed: Speed | None = None
    if measure:
        from hptui.training.timing import measure_speed

        speed = measure_speed(settings)
        plans = plan_study(settled(settings, speed), speed.images)
    if as_json:
        seconds = expected_seconds(settings, plans, speed) if speed is not None else None
        budget = settled(settings, speed).budget
        print_json(msgspec.json.encode({"arms": plans, "budget": budget, "speed": speed, "seconds": seconds}))
        return DONE
    for line in (*budget_lines(settings, speed), *study_lines(settings, plans)):
        print_line(line)
    print_line(time_words(settings, plans, speed) if speed is not None else "how long that takes: --measure tells")
    return DONE
