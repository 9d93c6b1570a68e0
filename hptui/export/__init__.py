"""A study as files to take home: pictures for a paper, tables, event files for TensorBoard, animations.

All numbers come from `hptui.reading`, as those on screen do. It reads the study's folder alone, and is the only part
that knows matplotlib, which is imported when the first picture is asked for: a table needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from hptui.errors import RunDirectoryError
from hptui.export.event_files import EVENT_FILE, FOLDER, begun, require_tensorboard, write_overview, write_run
from hptui.export.formats import PICTURE_FORMATS, Format, ThemeName
from hptui.export.gaps import missing
from hptui.export.tables import tables, write_table
from hptui.reading.studies import FollowedStudy
from hptui.record.files import replacing
from hptui.record.write_errors import cannot_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hptui.export.pictures import Picture

__all__ = ["export", "missing"]

METADATA: dict[Format, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
"""no dates: two exports of one study are equal to the byte"""
CAPTIONS_FILE = "captions.txt"


class Product(NamedTuple):
    """One file of an export."""

    name: str
    """within the folder, with `/`"""
    write: Callable[[BinaryIO], object]


def export(
    study: FollowedStudy,
    to: Path,
    formats: Iterable[Format] = ("png",),
    *,
    theme: ThemeName = "light",
    each_decision: bool = False,
    titles: bool = True,
    progress: Callable[[str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Path]:
    """Write what the study has so far into the folder `to`; return the files written.

    Works in any thread, on the state as `study` was last refreshed.

    Args:
        study: read already; it is not refreshed here.
        to: made if it is not there; files of an earlier export are replaced.
        formats: of pictures, and what else is wanted.
        theme: colours for white or for dark paper.
        each_decision: a picture for each decision too, in the sub-folder `heatmaps`.
        titles: words above and below the pictures; without, they are written to a file of captions.
        progress: called with one line for each file, and for whatever is missing.
        should_stop: asked before each file, and within an animation before each frame.

    Raises:
        RunDirectoryError: the folder cannot be made or written.
        UsageError: a format needs a package that is not installed.
    """
    report = progress or _report_nothing
    gaps = missing(study)  # as the runs are now: drawing takes a while
    written: list[Path] = []

    def go_on() -> None:
        if should_stop is not None and should_stop():
            raise _StoppedError

    asked = set(formats)
    drawn = _pictures(study, asked, theme, each_decision, titles)
    products = [*_tables(study, asked), *drawn, *_animations(study, asked, theme, titles, go_on)]
    try:
        for index, product in enumerate(products):
            go_on()
            report(f"{index + 1}/{len(products)} {product.name}")
            written.append(_write(to, product))
    except _StoppedError:
        report(f"stopped after {len(written)} of {len(products)} files")
    else:
        for line in gaps:
            report(f"missing: {line}")
    return written


class _StoppedError(Exception):
    """Raised when the export is not wanted any more."""


def _report_nothing(line: str) -> None:
    """Report to nobody: the caller wants no progress."""


def _write(to: Path, product: Product) -> Path:
    path = to / product.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            product.write(file)
    except OSError as error:
        raise RunDirectoryError(cannot_write(path, error, then="export again")) from None
    return path


def _tables(study: FollowedStudy, formats: set[Format]) -> Iterator[Product]:
    """Tables and event files; they come first, because they are quickly written."""
    if "csv" in formats:
        for table in tables(study):
            yield Product(f"{table.name}.csv", partial(write_table, table))
    if "tensorboard" in formats:
        require_tensorboard()
        yield from _event_files(study)


def _pictures(
    study: FollowedStudy, formats: set[Format], theme: ThemeName, each_decision: bool, titles: bool
) -> Iterator[Product]:
    """Pictures in every format that is one of pictures, and their captions where they have no titles."""
    kinds = [kind for kind in PICTURE_FORMATS if kind in formats]
    if not kinds:
        return
    from hptui.export.pictures import pictures

    drawn = list(pictures(study, each_decision=each_decision))
    for picture in drawn:
        once = _DrawnOnce(picture, kinds, theme, titles)
        for kind in kinds:
            yield Product(f"{picture.name}.{kind}", partial(once.write, kind))
    if drawn and not titles:
        yield Product(CAPTIONS_FILE, partial(_write_captions, drawn))


def _event_files(study: FollowedStudy) -> Iterator[Product]:
    runs = list(begun(study))
    if runs:
        yield Product(f"{FOLDER}/{EVENT_FILE}", partial(write_overview, study))
    for run in runs:
        yield Product(f"{FOLDER}/{run.name}/{EVENT_FILE}", partial(write_run, study, run))


def _animations(
    study: FollowedStudy, formats: set[Format], theme: ThemeName, titles: bool, go_on: Callable[[], None]
) -> Iterator[Product]:
    if "gif" not in formats:
        return
    from hptui.export.animation import write_animation
    from hptui.export.pictures import searching

    for run in study.runs:
        if searching(run):
            yield Product(f"heatmaps-{run.name}.gif", partial(write_animation, study, run, theme, go_on, titles=titles))


def _write_captions(drawn: Iterable[Picture], file: BinaryIO) -> None:
    file.write("\n".join(f"{picture.name}: {picture.caption}\n" for picture in drawn).encode())


class _DrawnOnce:
    """A picture that is drawn and laid out for its first kind, and forgotten once it is written in all of them."""

    def __init__(self, picture: Picture, kinds: list[Format], theme: ThemeName, titles: bool) -> None:
        self._picture, self._kinds, self._theme, self._titles = picture, kinds, theme, titles
        self._figure: Figure | None = None

    def write(self, kind: Format, file: BinaryIO) -> None:
        """Write the picture in one of its kinds."""
        from hptui.export.style import lay_out, look

        with look(self._theme, titles=self._titles):
            if self._figure is None:
                self._figure = self._picture.draw()
                lay_out(self._figure)
            self._figure.savefig(file, format=kind, metadata=METADATA[kind])
        if kind == self._kinds[-1]:
            self._figure = None
