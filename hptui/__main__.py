"""Entry point: run the command line, turn errors into one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from hptui.cli import DONE, FAILED, INTERRUPTED, USAGE, cli
from hptui.errors import HptuiError


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done, 1 failed, 2 usage or configuration, 3 stopped and resumable, 130 interrupted."""
    try:
        code = cli.main(arguments, prog_name="hptui", standalone_mode=False)
    except HptuiError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        return _say(error.format_message(), USAGE)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except OSError as error:
        return _say(f"{error.strerror}: {error.filename}" if error.filename else str(error), FAILED)
    return int(code or DONE)


def _say(message: str, code: int) -> int:
    print(f"hptui: {' '.join(message.splitlines())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
