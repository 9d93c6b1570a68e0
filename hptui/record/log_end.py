"""Whether a run has come to its end, by the last fact of its log, and whether the log goes as far as the network beside
it: what was cut off its end leaves no other trace.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeGuard, get_args

from hptui.errors import RunDirectoryError
from hptui.record.events import AnyEvent, RunCompleted, start_of
from hptui.record.log_backwards import events_backwards
from hptui.record.run_directory import EVENTS_FILE, MODEL_FILE
from hptui.record.seals import stated_origin

OTHERS = tuple(start_of(kind) for kind in get_args(AnyEvent) if kind is not RunCompleted)


def has_all_epochs(last: AnyEvent | None, epochs: int) -> TypeGuard[RunCompleted]:
    """Whether a run whose log ends with this fact is completed, with at least so many epochs asked for."""
    return isinstance(last, RunCompleted) and last.asked >= epochs


def check_completed(run: Path, completed: RunCompleted) -> None:
    """Raise RunDirectoryError if the last fact of a log is not the one that the network in its folder belongs to."""
    step = _delivered_step(run)
    if step not in (None, completed.step):
        raise RunDirectoryError(
            f"{run / EVENTS_FILE} ends at step {completed.step}, but {MODEL_FILE} is of step {step}: "
            "the end of the log is missing."
        )


def is_cut(run: Path, completed_at: int | None) -> bool:
    """Whether the log of a run that nobody writes does not say that its network was completed.

    The process may have been killed between the two, or the end of the log is lost.

    Args:
        run: its directory.
        completed_at: the step of the last RunCompleted in the log, whatever followed.
    """
    return _delivered_step(run) not in (None, completed_at)


def is_cut_at_its_end(run: Path) -> bool:
    """Whether a log that nobody has read is cut at its end."""
    if _delivered_step(run) is None:
        return False
    last = next(events_backwards(run, OTHERS), None)
    return is_cut(run, last.step if isinstance(last, RunCompleted) else None)


def _delivered_step(run: Path) -> int | None:
    """The step of the delivered network; None if there is none, or it does not say."""
    origin = stated_origin(run / MODEL_FILE)
    return origin.step if origin is not None else None
