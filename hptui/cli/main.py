"""The command line: the only place where training and reading meet. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

import hptui
from hptui.cli.foreground import has_terminal, new_study, old_study, show_screen, silence, tell, train
from hptui.config import (
    FIELDS,
    SYNONYMS,
    Layer,
    Resolved,
    choices,
    convert_field,
    description,
    environment_layer,
    file_layer,
    misspelt,
    resolve,
)
from hptui.errors import ConfigError, RunDirectoryError, UsageError, nearest
from hptui.metrics.classification import METRICS, check_metric
from hptui.record.predictions import Model
from hptui.record.presence import refuse_if_written, replace_file
from hptui.record.run_reader import RunReader
from hptui.record.study_directory import localized, new_directory, open_study, studies_folder

DONE, FAILED, USAGE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
REPEATED = ("set", "search")
"""flags that may be given several times"""


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One flag for every field of the configuration; values stay text, so that one place checks them all."""
    for synonym, words in SYNONYMS.items():
        command = click.option("--" + synonym.replace("_", "-"), synonym, metavar="VALUE", help=words)(command)
    for field in reversed(FIELDS):
        metavar = "|".join(choices(field)) or ("NAME=..." if field in REPEATED else "VALUE")
        command = click.option(
            "--" + field.replace("_", "-"),
            field,
            multiple=field in REPEATED,
            metavar=metavar,
            help=description(field),
        )(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
config_argument = click.argument("config", required=False, type=click.Path(path_type=Path), metavar="[CONFIG.toml]")
studies_argument = click.argument(
    "directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR..."
)


class SuggestingGroup(click.Group):
    """Names the nearest command for a mistyped one, as click does for flags."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"unknown command {args[0]!r}.{nearest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As usual, but a reader of our output that has gone (`| head`) is no failure, as it is to click and rich."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            pass
        except SystemExit as left:
            if not isinstance(left.__context__, BrokenPipeError):
                raise
        silence(sys.stdout)
        return DONE


@click.group(cls=SuggestingGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(hptui.__version__, prog_name="hptui", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Choose a CNN's hyperparameters while it trains, and prove what that gained.

    Without a command: the list of studies, and a form for a new one.
    """
    if context.invoked_subcommand is None and has_terminal():
        show_screen()
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@config_argument
@settings_options
@click.option("--headless", is_flag=True, help="No screen: progress on stderr, the result on stdout.")
@json_option
def run(config: Path | None, headless: bool, as_json: bool, **flags: Any) -> int:
    """Start a study: N baseline runs and N optimized runs, paired by seed."""
    resolved = resolve_layers(config, flags)
    new_directory(resolved.config)  # a place that cannot be used is told before any screen
    return train(new_study(resolved.config), headless=headless, as_json=as_json)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--data-dir", metavar="VALUE", help="where the data are now, if they have moved")
@click.option("--device", metavar="VALUE", help=description("device"))
@click.option("--headless", is_flag=True, help="No screen: progress on stderr, the result on stdout.")
@json_option
def resume(directory: Path, data_dir: str | None, device: str | None, headless: bool, as_json: bool) -> int:
    """Go on with what was interrupted, from the last checkpoint."""
    study = open_study(directory)
    refuse_if_written(directory)
    for _, _, folder in study.runs():
        RunReader(folder).read(0)  # a run of another version is told before data are read and anything is written
    config = localized(study, data_dir)
    if device is not None:
        config = msgspec.structs.replace(config, device=given_device(device))
    return train(old_study(study, config), headless=headless, as_json=as_json)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
def watch(directory: Path) -> int:
    """Watch and steer a study that another process trains, or look at a finished or copied one."""
    open_study(directory)
    if not has_terminal():
        raise UsageError("watch needs a terminal; hptui list and hptui compare do not.")
    return show_screen(watch=directory)


@cli.command(name="list")
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[FOLDER]")
@json_option
def list_(folder: Path | None, as_json: bool) -> int:
    """Show the studies in FOLDER (default: the user's) with their state."""
    from hptui.cli.tables import print_result, study_rows, study_table
    from hptui.reading.studies import readable, study_directories

    place = folder or studies_folder()
    if folder is not None and not folder.is_dir():
        raise RunDirectoryError(f"there is no folder {folder}.")
    directories = [place] if (place / "study.toml").exists() else study_directories(place)
    studies, problems = readable(directories)
    rows = study_rows(studies)
    if as_json:
        click.echo(msgspec.json.encode(rows))
    elif rows:
        print_result(study_table(rows))
    elif not problems:
        click.echo(f"No studies in {place}. Start one with: hptui run --dataset digits", err=True)
    for problem in problems:
        click.echo(f"hptui: left out: {problem}", err=True)
    return DONE


@cli.command()
@studies_argument
@click.option("--metric", default="accuracy", metavar="|".join(METRICS), help="What to compare, on test images.")
@click.option(
    "--threshold-for",
    metavar="sensitivity=0.95|specificity=0.9",
    help="Two classes: the operating threshold that reaches this on each run's validation images.",
)
@click.option("--model", default="final", type=click.Choice(["final", "best"]), help="best: lowest validation loss.")
@click.option("--per-class", is_flag=True, help="Every class against the rest, with intervals.")
@json_option
def compare(
    directories: tuple[Path, ...],
    metric: str,
    threshold_for: str | None,
    model: Model,
    per_class: bool,
    as_json: bool,
) -> int:
    """Compare baseline with optimized runs of a study, or the arms of several studies."""
    check_metric(metric)
    from hptui.cli.comparing import comparison_json, comparison_text
    from hptui.cli.tables import print_result
    from hptui.reading.comparison import Question

    question = Question(metric, model, threshold_for)
    if as_json:
        click.echo(comparison_json(directories, question, classes=per_class))
    else:
        print_result(comparison_text(directories, question, classes=per_class))
    return DONE


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--to", type=click.Path(path_type=Path), metavar="DIR", help="Where to write (default: DIR/export).")
@click.option(
    "--format", "formats", default="png", metavar="LIST", help="Of png, svg, pdf, csv, tensorboard, gif; with commas."
)
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", help="For white or for dark paper.")
@click.option("--each-decision", is_flag=True, help="A picture for each decision too, not only pages of them.")
def export(directory: Path, to: Path | None, formats: str, theme: Literal["light", "dark"], each_decision: bool) -> int:
    """Write figures and tables of a study: heatmaps, trajectories, curves, accuracies, confusion, ROC, cost."""
    from hptui.export import export as export_study
    from hptui.export.formats import parse_formats
    from hptui.reading.studies import follow

    def progress(line: str) -> None:
        click.echo(line, err=True)

    asked, place = parse_formats(formats), to or directory / "export"
    study = follow(directory)
    for file in export_study(study, place, asked, theme=theme, each_decision=each_decision, progress=progress):
        click.echo(file)
    return DONE


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE.html", help="Default: DIR/report.html.")
def report(directory: Path, to: Path | None) -> int:
    """Write one HTML page that needs no network: result, figures, decisions, settings, and how to repeat it."""
    open_study(directory)  # a folder that is no study is told before matplotlib is imported
    from hptui.reading.studies import follow
    from hptui.report import REPORT_FILE, write_report

    place = to or directory / REPORT_FILE
    write_report(follow(directory), place, progress=lambda line: click.echo(line, err=True))
    click.echo(place)
    return DONE


@cli.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--to", type=click.Path(path_type=Path), metavar="DIR", help="Keep the second run there.")
@click.option("--data-dir", metavar="VALUE", help="where the data are now, if they have moved")
@click.option("--device", metavar="VALUE", help=description("device"))
def replay(run: Path, to: Path | None, data_dir: str | None, device: str | None) -> int:
    """Train a completed run again with its recorded values, without search, and compare the final weights.

    On a CPU they have to be equal; the exit code is 1 if they are not.
    """
    from hptui.cli.replay import replay as train_again

    found = train_again(run, to, data_dir=data_dir, device=given_device(device), tell=tell)
    click.echo("\n".join(found.lines))
    return FAILED if found.comparable and not found.equal else DONE


@cli.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGES...")
@click.option(
    "--model", type=click.Choice(["final", "best"]), default="final", help="Of the last epoch, or of the best."
)
@click.option(
    "--threshold-for", metavar="METRIC=VALUE", help="sensitivity=0.95 or specificity=0.9, on validation images."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.csv", help="Where to write (default: stdout).")
@click.option("--device", metavar="VALUE", help=description("device"))
def predict(
    run: Path, images: tuple[Path, ...], model: str, threshold_for: str | None, out: Path | None, device: str | None
) -> int:
    """Put images to the network of a completed run: class and probabilities as CSV.

    IMAGES are image files, folders of them, or .npz archives. What cannot be read is named and left out (exit code 1).
    """
    from hptui.cli.predict import predict as put_to

    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.parent}.")
    table = put_to(
        run,
        images,
        model="best" if model == "best" else "final",
        threshold_for=threshold_for,
        device=given_device(device),
        tell=tell,
    )
    if out is None:
        for line in table.lines():
            click.echo(line)
    else:
        replace_file(out, ("\n".join(table.lines()) + "\n").encode())
    return FAILED if table.unreadable else DONE


@cli.group(cls=SuggestingGroup, invoke_without_command=True)
@click.pass_context
def config(context: click.Context) -> None:
    """Show or check a configuration."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@config.command()
@config_argument
@settings_options
@json_option
def show(config: Path | None, as_json: bool, **flags: Any) -> int:
    """Show every setting, and whether it comes from a default, the file, the environment or a flag."""
    from hptui.cli.tables import origin_rows, pairs_table, print_result

    resolved = resolve_layers(config, flags)
    plain = msgspec.to_builtins(resolved.config)
    if as_json:
        both = {key: {"value": value, "origin": resolved.origins[key]} for key, value in plain.items()}
        click.echo(msgspec.json.encode(both))
    else:
        print_result(pairs_table(("setting", "value", "from"), origin_rows(plain, resolved.origins)))
    return DONE


@config.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def validate(file: Path) -> int:
    """Check a CONFIG.toml without reading data or importing torch."""
    resolve([file_layer(file)])
    click.echo(f"{file} is valid.")
    return DONE


@cli.command()
@click.option("--data-dir", type=click.Path(path_type=Path), metavar="VALUE", help=description("data_dir"))
@json_option
def doctor(data_dir: Path | None, as_json: bool) -> int:
    """Say what this machine has: versions, devices, data, directories, terminal."""
    from hptui.cli.doctor import examine
    from hptui.cli.tables import pairs_table, print_result
    from hptui.training.engine.device import describe_devices

    found = examine(describe_devices(), data_dir)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        print_result(pairs_table(("", ""), ((key, value) for key, value in found.items())))
    return DONE


def given_device(device: str | None) -> str | None:
    """Check --device of a command that takes no other settings."""
    try:
        return None if device is None else str(convert_field("device", device))
    except ConfigError as error:
        raise ConfigError(f"--device: {error}") from None


def resolve_layers(config: Path | None, flags: dict[str, Any]) -> Resolved:
    """Defaults < file < environment < flags."""
    layers = [file_layer(config)] if config is not None else []
    for line in misspelt():
        tell(f"hptui: {line}")
    given = {field: value for field, value in flags.items() if value not in (None, ())}
    return resolve([*layers, environment_layer(), Layer("flag", given)])
