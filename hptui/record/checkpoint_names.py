"""Names of checkpoints: step-000000120.pt, and where more of the same step follow, step-000000120-002.pt.

A decision trains the run itself not one step, so all checkpoints within it are of one step. The newest has the largest
step, and of that the largest number.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from hptui.record.run_directory import CHECKPOINTS

NAME = re.compile(r"step-(\d+)(?:-(\d+))?\.pt")


class Moment(NamedTuple):
    """When a checkpoint was written, by the run's own count."""

    step: int
    """batches trained"""
    number: int = 0
    """checkpoints of this step before"""

    @property
    def file(self) -> str:
        """Name of the checkpoint's file."""
        return f"step-{self.step:09d}{f'-{self.number:03d}' if self.number else ''}.pt"


def checkpoints(run: Path) -> dict[Moment, Path]:
    """What has the name of a checkpoint of a run, from the oldest to the newest, whatever it is."""
    found = {}
    for path in (run / CHECKPOINTS).glob("step-*.pt"):
        if match := NAME.fullmatch(path.name):
            found[Moment(int(match[1]), int(match[2] or 0))] = path
    return dict(sorted(found.items()))


def next_moment(run: Path, step: int, last: Moment | None) -> Moment:
    """When the checkpoint that is written now is.

    Args:
        run: its directory.
        step: batches trained.
        last: of the checkpoint that was written or restored last; what is newer cannot be used, and is replaced.
    """
    before = [one.number for one in checkpoints(run) if one.step == step and (last is None or one <= last)]
    return Moment(step, max(before, default=-1) + 1)
