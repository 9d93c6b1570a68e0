"""The command that prints what a shell needs to complete hptui's commands, flags, studies and plug-ins."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from hptui.cli.exit_codes import DONE
from hptui.cli.output import print_line
from hptui.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
INSTALL = {
    "bash": "hptui completion bash > ~/.local/share/bash-completion/completions/hptui",
    "zsh": "hptui completion zsh > ~/.zfunc/_hptui   # with fpath+=~/.zfunc before compinit in ~/.zshrc",
    "fish": "hptui completion fish > ~/.config/fish/completions/hptui.fish",
}
HELP = f"""Print the completion of a shell.

It knows commands, flags, studies, runs, data sets, models, strategies, optimizers, losses, schedules and metrics.
To install it, once (a new shell has it then):

\b
{chr(10).join(INSTALL.values())}

Or for one shell alone: eval "$(hptui completion bash)". Without SHELL it is that of $SHELL.
"""


@click.command(help=HELP)
@click.argument("shell", required=False, type=click.Choice(SHELLS), metavar="[bash|zsh|fish]")
@click.pass_context
def completion(context: click.Context, shell: str | None) -> int:
    """Print the script that click has for this shell; bash's needs version 4.4, as click says itself."""
    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise UsageError(f"no completion for {shell or 'this shell'!r}; name one of {', '.join(SHELLS)}.")
    root = context.find_root()
    print_line(kind(root.command, {}, "hptui", "_HPTUI_COMPLETE").source())
    return DONE
