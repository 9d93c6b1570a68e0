"""Groups of commands: what helps with a mistyped name or flag, and what imports a command when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from hptui.errors import nearest


class SuggestingGroup(click.Group):
    """Group that names the nearest command for a mistyped one, as click does for flags."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
            shown = [name for name, command in commands.items() if command is not None and not command.hidden]
            ctx.fail(f"unknown command {args[0]!r}.{nearest(args[0], shown)}")
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """Group whose commands are imported by name: the screen need not wait for those that are not asked for."""

    def __init__(self, *args: Any, places: Mapping[str, str], **keywords: Any) -> None:
        """Take the places of the commands, by their names.

        Args:
            args: as click's.
            places: "module:name" of each command's object.
            keywords: as click's.
        """
        super().__init__(*args, **keywords)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (as the base class)
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._places and cmd_name not in self.commands:
            module, _, name = self._places[cmd_name].partition(":")
            self.add_command(getattr(importlib.import_module(module), name), cmd_name)
        return super().get_command(ctx, cmd_name)


def no_such_flag(error: click.NoSuchOption) -> str:
    """What is said of a flag that there is not: with those that it begins, else with the nearest one alone.

    click names up to three in alphabetical order: for --epoch --detach before --epochs.
    """
    near = list(error.possibilities or ())[:1]
    if error.ctx is not None and error.option_name.startswith("--"):
        flags = [flag for param in error.ctx.command.get_params(error.ctx) for flag in param.opts]
        near = [flag for flag in flags if flag.startswith(error.option_name)] or near
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"there is no flag {error.option_name}.{hint}"
