"""Errors that a user can mend. Each is one line: what, where, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MANY = 10
"""more names than this are listed only where none is near"""
LONGEST = 100
"""characters of a name that are compared with others: that takes as long as it is"""


class HptuiError(Exception):
    """An expected failure; the command line prints it without a traceback and exits with `exit_code`."""

    exit_code = 1


class UsageError(HptuiError):
    """What the user asked for cannot be done as asked: flags, configuration, data, model, directory."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, out of its bounds, or does not fit another one."""


class DatasetError(UsageError):
    """Image data are missing, damaged, or not in the documented layout."""


class ModelError(UsageError):
    """A network cannot be built, or its output does not fit the classes."""


class RunDirectoryError(UsageError):
    """A study or run directory cannot be read or written as asked."""


class TrainingError(HptuiError):
    """Training could not go on (exit code 1); what was logged before stays readable."""


def told(error: BaseException) -> str:
    """What went wrong, in words: of the system's errors what is wrong with which file; of others, what they say."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, (HptuiError, OSError)) else f"{type(error).__name__}: {error}"


def first_line(error: BaseException) -> str:
    """The first line of its message, for an error of one line."""
    return (str(error).strip().splitlines() or [""])[0]


def failure_words(error: BaseException) -> str:
    """Kind and first line of an error of own code, and the line of the user's file where it arose."""
    return f"{type(error).__name__}: {first_line(error)}".rstrip(" .!:") + own_place(error)


INSTALLED = frozenset({"site-packages", "dist-packages"})
"""folders that hold what is installed, wherever they lie"""


def own_place(error: BaseException) -> str:
    """The innermost line that is neither of hptui nor of what is installed: " (net.py, line 12)"; empty if none is."""
    import sysconfig  # nobody waits for these but who has made a mistake
    import traceback
    from pathlib import Path

    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    installed = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    others = [Path(place).resolve() for place in {*installed, str(Path(__file__).parent)}]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if (
            path.suffix == ".py"
            and not INSTALLED & set(path.parts)
            and not any(path.is_relative_to(place) for place in others)
        ):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which valid name is nearest: " Did you mean 'lenet'? Known: ..." (for the end of a message)."""
    names, name = sorted(known), name[:LONGEST]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if close and len(names) > MANY:
        return hint
    return f"{hint} Known: {', '.join(names)}."


def nearest_first(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Names that are near, also those of which it is a part, whatever the case of its letters."""
    names, name = list(known), name[:LONGEST]
    within = [one for one in names if name.lower() in one.lower()]
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    return list(dict.fromkeys([*within, *close]))[:count]
