"""What an export may be asked for, and what comes of it: all that the screen and whoever writes files both know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

USUAL = "png"
ALL = "png,svg,pdf,csv,tensorboard,gif"
FORMATS = {
    "png": "PNG",
    "svg": "SVG",
    "pdf": "PDF",
    "csv": "CSV",
    "tensorboard": "TensorBoard",
    "gif": "GIF",
    "all": "All",
}


@dataclass(frozen=True)
class ExportOutcome:
    """What an export has written, and what it could not."""

    files: list[Path]
    missing: tuple[str, ...] = ()
    """a line each"""


class Exporter(Protocol):
    """Writes a study (its folder) in these formats, until it is asked to stop."""

    def __call__(
        self,
        directory: Path,
        formats: str,
        progress: Callable[[str], None],
        should_stop: Callable[[], bool],
        /,
    ) -> ExportOutcome:
        """Tell each file before it is begun."""
