"""Flags and arguments that several commands take, and the configuration that they come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from hptui.cli.output import print_to_stderr
from hptui.cli.setting_completion import complete_setting, one_of
from hptui.config import (
    DATA,
    FIELDS,
    PAIRS,
    SYNONYMS,
    Layer,
    Resolved,
    choices,
    convert_field,
    description,
    environment_layer,
    file_layer,
    is_switch,
    misspelt,
    resolve,
)
from hptui.errors import ConfigError


class SettingOption(click.Option):
    """A flag whose help and completion list plug-ins: they are looked for when somebody asks, not at every start."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = description(str(self.name))
        return super().get_help_record(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return complete_setting(str(self.name), incomplete)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one flag for every setting; values stay text, so that they are checked in one place."""
    for synonym, words in SYNONYMS.items():
        command = click.option("--" + synonym.replace("_", "-"), synonym, metavar="VALUE", help=words)(command)
    return _flags(command, FIELDS)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags for which images there are, but for that of the data set itself."""
    return _flags(command, [field for field in DATA if field != "dataset"])


def _flags(command: Callable[..., Any], fields: Collection[str]) -> Callable[..., Any]:
    for field in reversed(list(fields)):
        flag = "--" + field.replace("_", "-")
        if is_switch(field):
            command = click.option(flag, field, is_flag=True, default=None, cls=SettingOption)(command)
            continue
        metavar = "|".join(choices(field)) or ("NAME=..." if field in PAIRS else "VALUE")
        command = click.option(flag, field, multiple=field in PAIRS, metavar=metavar, cls=SettingOption)(command)
    return command


device_option = click.option(
    "--device", metavar="VALUE", help=description("device"), shell_complete=one_of("auto", "cpu", "cuda")
)
model_option = click.option(
    "--model",
    type=click.Choice(["final", "best"]),
    default="final",
    help="The delivered network, or that of the epoch with the lowest validation loss.",
)


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that goes on with a study the flags for what holds on this machine alone, beside --device."""
    return _flags(command, ("parallel", "engine", "engine_args"))


headless_option = click.option("--headless", is_flag=True, help="No screen: progress on stderr, the result on stdout.")
detach_option = click.option(
    "--detach",
    is_flag=True,
    help="Train in a process that outlives this terminal, and look at it here; with --headless only start it.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
config_argument = click.argument("config", required=False, type=click.Path(path_type=Path), metavar="[CONFIG.toml]")


def given_device(device: str | None) -> str | None:
    """Check --device of a command that takes no other settings."""
    try:
        return None if device is None else str(convert_field("device", device))
    except ConfigError as error:
        raise ConfigError(f"--device: {error}") from None


def given_settings(flags: Mapping[str, str | tuple[str, ...] | None]) -> dict[str, Any]:
    """The checked settings of those flags that were given, of a command that takes few of them."""
    found: dict[str, Any] = {}
    for field, text in flags.items():
        try:
            found |= {} if text in (None, ()) else {field: convert_field(field, text)}
        except ConfigError as error:
            raise ConfigError(f"--{field.replace('_', '-')}: {error}") from None
    return found


def resolve_layers(config: Path | None, flags: dict[str, Any]) -> Resolved:
    """Resolve the configuration: defaults < file < environment < flags."""
    layers = [file_layer(config)] if config is not None else []
    for line in misspelt():
        print_to_stderr(f"hptui: {line}")
    given = {field: value for field, value in flags.items() if value not in (None, ())}
    return resolve([*layers, environment_layer(), Layer("flag", given)])
