"""What was changed of a study since it began: `steering.json` in its folder, obeyed by its runs and by later ones."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from hptui.config import StudyConfig, convert_field
from hptui.errors import ConfigError, RunDirectoryError
from hptui.opening import read_file
from hptui.parsing import ready
from hptui.record.files import replace_file
from hptui.record.locks import held_shortly
from hptui.record.seals import seal_struct, unsealed_struct
from hptui.record.write_errors import cannot_write

STEERING_FILE = "steering.json"


@ready
class Steering(msgspec.Struct, frozen=True):
    """What was changed since the study began; it holds for the current run and all later ones."""

    epochs: int
    search: dict[str, str]
    requests: list[str] = []
    """marks of the commands that it comes of, so that each counts once, whichever of the runs at work obeys it first"""


def save_steering(directory: Path, steering: Steering) -> None:
    """Keep a change, so that later runs and `hptui resume` obey it too."""
    try:
        replace_file(directory / STEERING_FILE, seal_struct(steering))
    except OSError as error:
        raise RunDirectoryError(cannot_write(directory / STEERING_FILE, error)) from None


def keep_change(directory: Path, request: str, *, changed: Steering, more_epochs: int = 0) -> None:
    """Keep what a command has changed in one run, so that later runs and `hptui resume` obey it too.

    Every run at work obeys the command by itself, sooner or later. The first one keeps the change; a later one finds
    it kept, maybe with others that it has yet to obey.

    Args:
        directory: of the study.
        request: the command's mark; empty: nobody sent it, so no other run has it.
        changed: settings of the run, in which the change is.
        more_epochs: that were added; 0: ranges were changed.
    """
    with held_shortly(directory):
        kept = None
        with contextlib.suppress(RunDirectoryError):  # what is damaged is replaced by what this run knows
            kept = read_steering(directory)
        if kept is None:
            kept = Steering(changed.epochs - more_epochs, changed.search)
        if request in kept.requests:
            return
        search = kept.search if more_epochs else changed.search
        requests = [*kept.requests, *[request] * bool(request)]
        save_steering(directory, Steering(kept.epochs + more_epochs, search, requests))


def read_steering(directory: Path) -> Steering | None:
    """What was changed since the study began; None: nothing.

    Raises:
        RunDirectoryError: it cannot be read, or is damaged.
    """
    path = directory / STEERING_FILE
    try:
        steering = msgspec.convert(unsealed_struct(read_file(path)), Steering)
        checked = {
            field: convert_field(field, getattr(steering, field), installed=False) for field in ("epochs", "search")
        }
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunDirectoryError(f"cannot read {path}: {error.strerror}.") from None
    except (ConfigError, msgspec.DecodeError) as error:
        raise RunDirectoryError(f"{path} is damaged: {str(error).removesuffix('.')}.") from None
    return msgspec.structs.replace(steering, **checked)


def steered(config: StudyConfig, directory: Path) -> StudyConfig:
    """The settings with what was changed since the study began."""
    steering = read_steering(directory)
    if steering is None:
        return config
    return msgspec.structs.replace(config, epochs=steering.epochs, search=steering.search)
