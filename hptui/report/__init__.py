"""A study as one HTML page that needs nothing else: no network, no script, pictures inside.

Like the export it reads the study's folder alone, takes all numbers from `hptui.reading`, and says what is missing
where a study is not finished. Whatever comes from outside (names, reasons, errors) is escaped by Jinja2, whose
autoescape is on for every value, and has no sign that a reader obeys; what is never escaped is the template itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import jinja2

import hptui
from hptui.errors import RunDirectoryError
from hptui.export.pictures import pictures as exported_pictures
from hptui.reading.studies import FollowedStudy
from hptui.record.contents import REPORT_FILE
from hptui.record.files import replace_file
from hptui.record.harmless import harmless
from hptui.record.notes import read_note
from hptui.record.write_errors import cannot_write
from hptui.report.content import after_pictures, before_pictures, headline
from hptui.report.pictures import chosen_pictures, embedded_pictures
from hptui.report.repeat import repeat_notes, repetitions

__all__ = ["page", "write_report"]

TEMPLATE = "page.html.jinja"


def write_report(study: FollowedStudy, to: Path, *, progress: Callable[[str], None] | None = None) -> None:
    """Write the page of a study that was read already.

    Args:
        study: it is not refreshed here.
        to: the file; an earlier one is replaced.
        progress: called with one line for each picture.

    Raises:
        RunDirectoryError: the file cannot be written, or a run cannot be read.
    """
    if to.is_dir():
        raise RunDirectoryError(f"cannot write {to}: it is a folder; name a file, as in --to {to / REPORT_FILE}.")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)  # a place that cannot be used is told before anything is drawn
        replace_file(to, page(study, progress=progress).encode("utf-8", "replace"))
    except OSError as error:
        raise RunDirectoryError(cannot_write(to, error, then="try again")) from None


def page(study: FollowedStudy, *, progress: Callable[[str], None] | None = None) -> str:
    """Text of the page; see `write_report`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hptui.report", "."),
        autoescape=True,
        finalize=_finalized,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chosen, left_out = chosen_pictures(list(exported_pictures(study)))
    return environment.get_template(TEMPLATE).render(
        headline=headline(study),
        note=read_note(study.study.directory),
        before=list(before_pictures(study, left_out)),
        after=list(after_pictures(study)),
        pictures=embedded_pictures(chosen, progress or (lambda _: None)),
        repetitions=list(repetitions(study)),
        notes=repeat_notes(study),
        version=hptui.__version__,
        written=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    )


def _finalized(value: object) -> object:
    """What is put into the template in the place of a value, before it is escaped."""
    return harmless(value) if type(value) is str else value
