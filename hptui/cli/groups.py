"""A group of commands that helps with a mistyped one, and minds no reader that has gone."""

from __future__ import annotations

import sys
from typing import Any

import click

from hptui.cli.exit_codes import DONE
from hptui.cli.output import discard_output
from hptui.errors import nearest


class SuggestingGroup(click.Group):
    """Group that names the nearest command for a mistyped one, as click does for flags."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            shown = [name for name, command in self.commands.items() if not command.hidden]
            ctx.fail(f"unknown command {args[0]!r}.{nearest(args[0], shown)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of its output that has gone (`| head`) is no failure, as it is to click."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            pass
        except SystemExit as left:
            if not isinstance(left.__context__, BrokenPipeError):
                raise
        discard_output(sys.stdout)
        return DONE
