"""A group of commands that helps with a mistyped one."""

from __future__ import annotations

import click

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
