"""Ask whether a study's own code may be run, once, where somebody can be asked; --trust answers for scripts."""

from __future__ import annotations

import sys

import click

from hptui.cli.output import print_to_stderr
from hptui.errors import UsageError
from hptui.record.own_code import code_question, remember_code, require_allowed, unknown_code
from hptui.record.study_directory import Study
from hptui.record.study_folders import shown

trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run the code that the study brings along, without asking. What was trained here is trusted as it is; of a "
    "study that was received you are asked once, and again when its code has changed.",
)


def allowed_code(study: Study, *, trust: bool) -> str:
    """Checksum of the code that somebody allows to be run now; empty where nobody has to be asked.

    Raises:
        CodeNotAllowedError: nobody can be asked, and --trust is not given.
        UsageError: the answer is no.
    """
    code = unknown_code(study)
    if code is None:
        return ""
    if not trust:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            require_allowed(study)
        print_to_stderr(code_question(code))
        if not click.confirm("Run it, now and from now on?", err=True):
            raise UsageError(f"nothing of {shown(study.directory)} was run.")
    if not remember_code(code):
        print_to_stderr("hptui: that cannot be remembered here: you will be asked again")
    return code.checksum
