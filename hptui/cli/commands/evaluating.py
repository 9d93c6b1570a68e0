"""The command that looks at a completed run's network with other labelled images: evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hptui.cli.exit_codes import DONE
from hptui.cli.options import device_option, given_device, json_option, model_option
from hptui.cli.output import print_json, print_to_stderr, prints_apart
from hptui.cli.setting_completion import complete_setting, one_of
from hptui.cli.study_arguments import run_argument
from hptui.cli.trusting import trust_option
from hptui.config import FIELDS, description
from hptui.errors import UsageError

READ_AS = tuple(name for name in ("data_dir", "column", "group_column", "group_pattern") if name in FIELDS)
"""settings that are told for a data set, because the study's own are those of another one"""

SEVERAL = ("column",)
"""of these, flags that may be given several times"""


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for each of READ_AS; values are checked where the data set is read."""
    for name in reversed(READ_AS):
        several = name in SEVERAL
        command = click.option(
            "--" + name.replace("_", "-"),
            name,
            multiple=several,
            metavar="NAME=..." if several else "VALUE",
            help=description(name),
        )(command)
    return command


@click.command()
@run_argument
@click.argument(
    "dataset",
    metavar="DATASET",
    shell_complete=lambda context, parameter, incomplete: complete_setting("dataset", incomplete),  # noqa: ARG005
)
@reading_options
@model_option
@click.option(
    "--threshold-for",
    metavar="METRIC=VALUE",
    help="Two classes: the threshold that reaches this on the run's validation images, such as sensitivity=0.95.",
    shell_complete=one_of("sensitivity=0.95", "specificity=0.9"),
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="Recalibrate on the run's validation images (Platt scaling; of more classes temperature and bias).",
)
@click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Two classes: PPV, NPV and net benefit where this share of all is of the second one, such as 0.02.",
)
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="Write every image's answer here."
)
@click.option(
    "--plot",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write ROC, reliability diagram, decision curve and a sheet of the images that are most wrong as PNG here.",
)
@device_option
@trust_option
@json_option
def evaluate(
    run: Path,
    dataset: str,
    *,
    threshold_for: str | None,
    calibrate: bool,
    prevalence: float | None,
    table: Path | None,
    folder: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Measure a completed run's network on other labelled images.

    DATASET is written as for --dataset. All its images count, whatever its splits; its classes are found by name.
    Every metric has its 95 % interval, per image and, where images are of groups (patients), per group.
    """
    if table is not None and not table.parent.is_dir():
        raise UsageError(f"--csv: there is no folder {table.parent}.")
    from hptui.cli.console import print_result
    from hptui.cli.evaluate import ANSWERED, answers_csv, draw_evaluation, evaluation_json, evaluation_text
    from hptui.cli.evaluate import evaluate as put_to
    from hptui.cli.overwriting import refuse_other_table, write_answers
    from hptui.reading.evaluation import Wanted

    if table is not None:
        refuse_other_table("--csv", table, ANSWERED)

    with prints_apart():  # own code may print
        found = put_to(
            run,
            dataset,
            Wanted(threshold_for, calibrate, prevalence),
            model="best" if options["model"] == "best" else "final",
            read_as={name: options[name] for name in READ_AS if options[name] not in (None, ())},
            device=given_device(options["device"]),
            trust=options["trust"],
        )
    if as_json:
        print_json(evaluation_json(found))
    else:
        print_result(evaluation_text(found))
    if table is not None:
        write_answers(table, answers_csv(found))
    if folder is not None:
        for path in draw_evaluation(found, folder):
            print_to_stderr(str(path))
    return DONE
