"""The command line with all its commands. Nothing is imported before it is needed."""

from __future__ import annotations

import click

import hptui
from hptui.cli.command_groups import LazyGroup
from hptui.cli.output import print_line

COMMANDS = {
    "beginning": ("run",),
    "training": ("resume", "watch", "stop", "trainer"),
    "studies": ("list", "compare", "export", "report"),
    "runs": ("replay", "predict"),
    "evaluating": ("evaluate",),
    "keeping": ("rename", "note", "clean", "delete"),
    "data": ("data",),
    "planning": ("plan",),
    "setup": ("config", "doctor"),
    "completion": ("completion",),
}
"""names of the commands, by the module of `hptui.cli.commands` that has them"""
PLACES = {
    name: f"hptui.cli.commands.{module}:{'list_' if name == 'list' else name}"
    for module, names in COMMANDS.items()
    for name in names
}


@click.group(
    cls=LazyGroup,
    places=PLACES,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(hptui.__version__, prog_name="hptui", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Choose a CNN's hyperparameters while it trains, and prove what that gained.

    Without a command: the list of studies, and a form for a new one. A STUDY is a name that `hptui list` prints, the
    beginning of one, or a folder. Completion of names and flags: hptui completion --help.
    """
    if context.invoked_subcommand is not None:
        return
    from hptui.cli.notify import Notify
    from hptui.cli.screen import has_terminal, show_screen

    if has_terminal():
        show_screen(Notify.of())
    else:
        print_line(context.get_help())
