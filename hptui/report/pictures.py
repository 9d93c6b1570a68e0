"""The pictures of an export as data within a page, as many as a browser and a mailbox take."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hptui.export import METADATA
from hptui.export.formats import Format
from hptui.export.pictures import Picture
from hptui.export.style import look

MEDIA: dict[Format, str] = {"svg": "image/svg+xml", "png": "image/png"}
HEATMAP_PAGES = 24
"""of all runs together: about 10 MB"""
SHEETS = 2
"""of images that are most wrong: those of the first pair, some 100 kB each"""
VECTOR_CELLS = 1500
"""a page of more heatmap cells becomes a PNG: as SVG each cell takes some 300 bytes, and time to be shown"""


@dataclass(frozen=True)
class EmbeddedPicture:
    """One picture within the page."""

    name: str
    """as a file of an export would be called, without its ending"""
    caption: str
    data: str
    """data URI; an SVG in an <img> runs no scripts and shares no names with other pictures"""


def chosen_pictures(offered: Sequence[Picture]) -> tuple[list[Picture], list[str]]:
    """Pictures for a page, in their order, and sentences about what is left out.

    Of heatmaps first and last page of each run; the last one alone where runs are many; and of too many runs the first
    ones. Of images that are wrong those of the first runs.
    """
    by_run: dict[str, list[Picture]] = {}
    for picture in offered:
        if picture.run:
            by_run.setdefault(picture.run, []).append(picture)
    kept = {picture.name for pages in by_run.values() for picture in (pages[0], pages[-1])}
    if len(kept) > HEATMAP_PAGES:
        kept = {pages[-1].name for pages in list(by_run.values())[:HEATMAP_PAGES]}
    pages = sum(map(len, by_run.values()))
    left = [f"{pages - len(kept)} of {pages} pages of heatmaps are left out here; hptui export draws them all"]
    left *= len(kept) < pages
    sheets = [picture.name for picture in offered if picture.of_images]
    if len(sheets) > SHEETS:
        left.append(
            f"{len(sheets) - SHEETS} of {len(sheets)} sheets of images that a run gets most wrong are left out here; "
            "hptui export draws them all"
        )
    unwanted = set(sheets[SHEETS:])
    chosen = [picture for picture in offered if not picture.run or picture.name in kept]
    return [picture for picture in chosen if picture.name not in unwanted], left


def embedded_pictures(chosen: Sequence[Picture], progress: Callable[[str], None]) -> list[EmbeddedPicture]:
    """Pictures as SVG, sharp at any size, but for images and heatmaps of very many cells."""
    embedded = []
    for index, picture in enumerate(chosen):
        progress(f"{index + 1}/{len(chosen)} {picture.name}")
        embedded.append(EmbeddedPicture(picture.name, picture.caption, data_of(picture)))
    return embedded


def data_of(picture: Picture) -> str:
    """Draw a picture; its data URI."""
    kind: Format = "png" if picture.of_images or picture.cells > VECTOR_CELLS else "svg"
    content = io.BytesIO()
    with look(titles=False):  # the caption has the words
        picture.draw().savefig(content, format=kind, metadata=METADATA[kind])
    return f"data:{MEDIA[kind]};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
