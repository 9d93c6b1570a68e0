"""Entry point: run the command line, turn errors into one line and an exit code."""

from __future__ import annotations

import codecs
import contextlib
import gc
import io
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
import platformdirs

from hptui.cli.command_groups import no_such_flag
from hptui.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from hptui.cli.leaving import leave
from hptui.cli.main import cli
from hptui.cli.output import outlive_readers, print_to_stderr
from hptui.errors import HptuiError, told

DEBUG = "HPTUI_DEBUG"
"""set: an internal error is shown with its traceback"""
SELDOM = (10_000, 20, 50)
"""when garbage is looked for: by Python's own numbers a tenth of the time to the first picture went into looking
through what had been imported a moment before, and a fifth of drawing into looking through widgets"""
PLAIN = {"\N{PLUS-MINUS SIGN}": "+-", "\N{MULTIPLICATION SIGN}": "x", "\N{HORIZONTAL ELLIPSIS}": "..."}
"""what stands for a character that the terminal's encoding lacks; a question mark for all others"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done, 1 failed, 2 usage or configuration, 3 stopped and resumable, 130 interrupted."""
    gc.set_threshold(*SELDOM)
    outlive_readers()
    print_anything()
    try:
        code = cli.main(arguments, prog_name="hptui", standalone_mode=False)
    except HptuiError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        words = no_such_flag(error) if isinstance(error, click.NoSuchOption) else error.format_message()
        return _say(words, USAGE)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except OSError as error:
        return _say(told(error), FAILED)
    except Exception as error:
        return _say_unexpected(error)
    return int(code or DONE)


def print_anything() -> None:
    """Let no character end the program: a name of undecodable bytes, a sign that an ASCII terminal lacks."""

    def replace(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        lacking = error.object[error.start : error.end]
        return "".join(PLAIN.get(character, "?") for character in lacking), error.end

    codecs.register_error("hptui", replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="hptui")


def _say(message: str, code: int) -> int:
    print_to_stderr(f"hptui: {' '.join(message.splitlines())}")
    return code


def _say_unexpected(error: Exception) -> int:
    """A fault of hptui itself: one line that says where the rest is kept."""
    if os.environ.get(DEBUG):
        print_to_stderr("".join(traceback.format_exception(error)).rstrip())
    kept = _keep_traceback(error)
    where = f"; the traceback is in {kept}" if kept is not None else f"; {DEBUG}=1 shows the traceback"
    return _say(f"internal error: {type(error).__name__}: {error}{where}", FAILED)


def _keep_traceback(error: Exception) -> Path | None:
    with contextlib.suppress(OSError):
        folder = platformdirs.user_state_path("hptui") / "errors"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        path.write_text("".join(traceback.format_exception(error)), "utf-8", "backslashreplace")
        return path
    return None


def console() -> NoReturn:
    """Run the command line as a process of its own."""
    leave(main())


if __name__ == "__main__":
    console()
