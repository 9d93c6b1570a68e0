"""Commands that say what there is before anything is trained: config show, config validate, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from hptui.cli.command_groups import SuggestingGroup
from hptui.cli.exit_codes import DONE, USAGE
from hptui.cli.options import config_argument, json_option, resolve_layers, settings_options
from hptui.cli.output import print_json, print_line, print_to_stderr
from hptui.config import description
from hptui.config.checking import file_problems


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.pass_context
def config(context: click.Context) -> None:
    """Show or check a configuration."""
    if context.invoked_subcommand is None:
        print_line(context.get_help())


@config.command()
@config_argument
@settings_options
@json_option
def show(config: Path | None, as_json: bool, **flags: Any) -> int:
    """Show every setting as TOML, and whether it comes from a default, the file, the environment or a flag.

    Into a file (hptui config show > mine.toml) it makes a CONFIG.toml of the same settings.
    """
    from hptui.cli.config_lines import config_lines

    resolved = resolve_layers(config, flags)
    plain = msgspec.to_builtins(resolved.config)
    if as_json:
        both = {key: {"value": value, "origin": resolved.origins[key]} for key, value in plain.items()}
        print_json(msgspec.json.encode(both))
    else:
        print_line("\n".join(config_lines(plain, resolved.origins)))
    return DONE


@config.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def validate(file: Path) -> int:
    """Check a CONFIG.toml without reading data or importing torch, and tell everything that is wrong with it."""
    problems = file_problems(file)
    for problem in problems:
        print_to_stderr(f"hptui: {problem}")
    if not problems:
        print_line(f"{file} is valid.")
    return USAGE if problems else DONE


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), metavar="VALUE", help=description("data_dir"))
@json_option
def doctor(data_dir: Path | None, as_json: bool) -> int:
    """Say what this machine has: devices, data, folders, versions."""
    from hptui.cli.console import print_result
    from hptui.cli.doctor import examine
    from hptui.cli.tables import pairs_table
    from hptui.training.engine.device import describe_devices

    findings = examine(describe_devices(), data_dir)
    if as_json:
        print_json(msgspec.json.encode(findings))
    else:
        print_result(pairs_table(("", ""), ((key, value) for key, value in findings.items())))
    return DONE
