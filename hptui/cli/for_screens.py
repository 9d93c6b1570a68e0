"""What screens have the command line do for them: measure, compare, export; imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hptui.config import StudyConfig
    from hptui.planning import Refused, Speed
    from hptui.ui.exporting import ExportOutcome


def measure_speed(config: StudyConfig, should_stop: Callable[[], bool]) -> Speed | Refused | None:
    """Measure how fast this machine trains a study."""
    from hptui.cli.measuring import measure_apart

    return measure_apart(config, should_stop)


def compare_studies(directories: Sequence[Path]) -> RenderableType:
    """What `hptui compare` prints of these studies."""
    from hptui.cli.comparing import comparison_text
    from hptui.reading.comparison import Question

    return comparison_text(directories, Question(), classes=False)


def export_files(
    directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
) -> ExportOutcome:
    """Write pictures or tables of a study beside it; of all formats, those that can be had here."""
    from hptui.export import export, missing
    from hptui.export.event_files import require_tensorboard
    from hptui.export.formats import FORMATS, parse_formats
    from hptui.reading.studies import follow
    from hptui.record.contents import EXPORT
    from hptui.ui.exporting import ExportOutcome

    asked, absent = parse_formats(formats), []
    if asked == FORMATS:
        try:
            require_tensorboard()
        except UsageError as error:
            asked, absent = tuple(name for name in asked if name != "tensorboard"), [str(error)]
    study = follow(directory)
    gaps = missing(study)
    files = export(study, directory / EXPORT, asked, progress=progress, should_stop=should_stop)
    return ExportOutcome(files, () if should_stop() else (*gaps, *absent))
