"""Commands that read studies: list, compare, export, report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from hptui.cli.exit_codes import DONE
from hptui.cli.options import json_option, model_option
from hptui.cli.output import print_json, print_line, print_to_stderr
from hptui.cli.setting_completion import one_of, several_of
from hptui.cli.study_arguments import studies_argument, study_argument
from hptui.errors import RunDirectoryError
from hptui.metrics.classification import METRIC_TITLES, check_metric
from hptui.record.contents import EXPORT, REPORT_FILE, size_of
from hptui.record.predictions import Model
from hptui.record.study_directory import open_study
from hptui.record.study_folders import holds_study, studies_folder
from hptui.record.study_names import find_study

if TYPE_CHECKING:
    from hptui.reading.study_line import StudyLine


SORTS = (
    *("name", "state", "runs", "done", "baseline", "optimized", "difference", "interval"),
    *("size", "age", "data", "model", "strategy", "note"),
)
"""the columns of the list, which is imported when it is asked for"""


@click.command(name="list")
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[FOLDER]")
@click.option(
    "--sort",
    "by",
    default="age",
    type=click.Choice(SORTS),
    help="By which column: the largest or newest first, words from a to z.",
)
@click.option("--reverse", is_flag=True, help="Sort the other way.")
@click.option(
    "--filter",
    "words",
    default="",
    metavar="WORDS",
    help="Only studies with each of these in name, state, settings or note.",
)
@json_option
def list_(folder: Path | None, by: str, reverse: bool, words: str, as_json: bool) -> int:
    """Show the studies with state, results, progress and size.

    Those in FOLDER; without it, all of yours. Numbers with a * are over what is finished so far.
    """
    from hptui.cli.console import print_result
    from hptui.cli.tables import study_rows, study_table
    from hptui.reading.listing_words import BY_NAME
    from hptui.reading.study_line import UNREADABLE
    from hptui.ui.study_lines import Order

    lines, root = _read_lines(folder)
    order = Order(BY_NAME[by], reverse)
    matching = [line for line in lines if line.matches(words.lower().split())]
    readable = order.column.sorted([line for line in matching if line.state != UNREADABLE], backwards=reverse)
    if as_json:
        print_json(msgspec.json.encode(study_rows(readable)))
    elif readable:
        print_result(study_table(readable, order, paths=folder is not None))
    elif not lines:
        print_to_stderr(f"No studies in {root}. Start one with: hptui run --dataset digits")
    elif not matching:
        print_to_stderr(f"No study of {len(lines)} in {root} matches {words!r}.")
    for line in lines:
        if line.state == UNREADABLE:
            print_to_stderr(f"hptui: left out: {line.problem}")
    return DONE


def _read_lines(folder: Path | None) -> tuple[list[StudyLine], Path]:
    """Studies of a folder, newest first, or the one study that lies there; and the folder."""
    root = folder or studies_folder()
    if folder is not None and not folder.is_dir():
        try:
            root = find_study(folder)
        except RunDirectoryError:
            root = folder
        if not root.is_dir():
            raise RunDirectoryError(f"there is no folder {folder}.")
    from hptui.reading.listing import StudyReader
    from hptui.reading.study_line import read_line

    if holds_study(root):
        return [replace(read_line(root), size=size_of(root))], root
    return StudyReader(root).read(), root


@click.command()
@studies_argument
@click.option(
    "--metric",
    default="",
    metavar="|".join(METRIC_TITLES),
    help="What to compare, on test images (default: accuracy; of several labels per image auc, their mean).",
    shell_complete=one_of(*METRIC_TITLES),
)
@click.option(
    "--threshold-for",
    metavar="sensitivity=0.95|specificity=0.9",
    shell_complete=one_of("sensitivity=0.95", "specificity=0.9"),
    help="Two classes: the operating threshold that reaches this on each run's validation images.",
)
@model_option
@click.option("--per-class", is_flag=True, help="Every class against the rest, with intervals.")
@click.option(
    "--per-group", is_flag=True, help="Of groups of images (patients), each by the mean probability of its images."
)
@json_option
def compare(
    directories: tuple[Path, ...],
    *,
    metric: str,
    threshold_for: str | None,
    model: Model,
    per_class: bool,
    per_group: bool,
    as_json: bool,
) -> int:
    """Compare baseline with optimized runs, or several studies."""
    if metric:
        check_metric(metric)
    from hptui.cli.comparing import comparison_json, comparison_text
    from hptui.cli.console import print_result
    from hptui.reading.comparison import Question

    question = Question(metric, model, threshold_for, per_group)
    if as_json:
        print_json(comparison_json(directories, question, classes=per_class))
    else:
        print_result(comparison_text(directories, question, classes=per_class))
    return DONE


@click.command()
@study_argument
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write (default: export in the study's folder).",
)
@click.option(
    "--format",
    "formats",
    default="png",
    metavar="LIST",
    help="One or more of png, svg, pdf, csv, tensorboard, gif; png,csv for two (default: png).",
    shell_complete=several_of("png", "svg", "pdf", "csv", "tensorboard", "gif"),
)
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", help="For a light or a dark page.")
@click.option("--each-decision", is_flag=True, help="A picture for each decision too, not only pages of them.")
@click.option("--no-titles", is_flag=True, help="Pictures without titles; the words go to captions.txt.")
def export(
    directory: Path,
    to: Path | None,
    formats: str,
    theme: Literal["light", "dark"],
    each_decision: bool,
    no_titles: bool,
) -> int:
    """Write figures and tables of a study.

    Heatmaps, trajectories, learning curves, accuracies, confusion, ROC, cost, images that are most wrong.
    """
    from hptui.export import export as export_study
    from hptui.export.formats import parse_formats
    from hptui.reading.studies import follow

    asked, target = parse_formats(formats), to or directory / EXPORT
    study = follow(directory)
    wanted: dict[str, Any] = {"theme": theme, "each_decision": each_decision, "titles": not no_titles}
    for file in export_study(study, target, asked, progress=print_to_stderr, **wanted):
        print_line(file)
    return DONE


@click.command()
@study_argument
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Where to write (default: report.html in the study's folder).",
)
def report(directory: Path, to: Path | None) -> int:
    """Write a study as one HTML page that needs no network.

    Result, figures, decisions, settings, and how to repeat it. Where the runs kept pictures of the test images that
    they get most wrong (--wrong-images), it shows those of the first pair.
    """
    open_study(directory)  # a folder that is no study is told before matplotlib is imported
    from hptui.reading.studies import follow
    from hptui.report import write_report

    page = to or directory / REPORT_FILE
    write_report(follow(directory), page, progress=print_to_stderr)
    print_line(page)
    return DONE
