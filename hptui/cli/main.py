"""The command line with all its commands. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import click

import hptui
from hptui.cli.commands import completion, evaluating, keeping, planning, runs, setup, studies, training
from hptui.cli.foreground import has_terminal, show_screen
from hptui.cli.groups import SuggestingGroup
from hptui.cli.notify import Notify
from hptui.cli.output import print_line


@click.group(cls=SuggestingGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(hptui.__version__, prog_name="hptui", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Choose a CNN's hyperparameters while it trains, and prove what that gained.

    Without a command: the list of studies, and a form for a new one. A STUDY is a name that `hptui list` prints, the
    beginning of one, or a folder. Completion of names and flags: hptui completion --help.
    """
    if context.invoked_subcommand is None and has_terminal():
        show_screen(Notify.of())
    elif context.invoked_subcommand is None:
        print_line(context.get_help())


for command in (
    *(training.run, training.resume, training.watch, training.stop, training.trainer),
    *(studies.list_, studies.compare, studies.export, studies.report),
    *(runs.replay, runs.predict, evaluating.evaluate),
    *(keeping.rename, keeping.note, keeping.clean, keeping.delete),
    *(planning.plan, setup.config, setup.doctor, completion.completion),
):
    cli.add_command(command)
