"""The pictures of an export as data within a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

from hptui.export import METADATA
from hptui.export.pictures import pictures
from hptui.export.style import look
from hptui.studies import FollowedStudy


@dataclass(frozen=True)
class Embedded:
    """One picture."""

    name: str
    """as a file of an export would be called, without its ending"""
    data: str
    """data URI; an SVG in an <img> runs no scripts and shares no names with other pictures"""
    folded: bool
    """one of many: shown when it is asked for"""


def embedded_pictures(study: FollowedStudy, progress: Callable[[str], None]) -> list[Embedded]:
    """Whatever an export would draw, in its order, as SVG: sharp at any size."""
    found = []
    offered = list(pictures(study))
    for index, picture in enumerate(offered):
        progress(f"{index + 1}/{len(offered)} {picture.name}")
        content = io.BytesIO()
        with look():
            picture.draw().savefig(content, format="svg", metadata=METADATA["svg"])
        data = base64.b64encode(content.getvalue()).decode("ascii")
        folded = picture.name.startswith("heatmaps")  # a page or more for each run
        found.append(Embedded(picture.name, f"data:image/svg+xml;base64,{data}", folded))
    return found
