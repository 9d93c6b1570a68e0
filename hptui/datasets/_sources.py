"""What tells classes apart that is not in the images: files of one class that come from somewhere else.

A network learns the size, the colours or the compression of such files instead of the disease, and every split has the
same fault, so that no score shows it (Maguolo and Nanni 2021, arXiv 2004.12823, of COVID-19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hptui.datasets import Labels
from hptui.datasets._image_header import ImageHeader

_LOOKED_AT, _FEWEST = 20, 5
"""files of a class that are looked at, spread over it; with fewer than these, a class says nothing"""
_FEW = 2
"""sizes or kinds that a class has at most, where it is told by them"""
_Seen = tuple[Path, ImageHeader]
_LOOKS: tuple[Callable[[_Seen], str], ...] = (
    lambda seen: f"{seen[1].height} x {seen[1].width} pixels",
    lambda seen: {1: "grey", 3: "RGB"}.get(seen[1].channels, f"of {seen[1].channels} channels"),
    lambda seen: "stored bright to dark (MONOCHROME1)" if seen[1].inverted else "stored dark to bright",
    lambda seen: f"of modality {seen[1].modality or 'unknown'}" if seen[1].decoder == "dicom" else "no DICOM",
    lambda seen: "with a rescale" if seen[1].rescaled else "without a rescale",
    lambda seen: f"{seen[0].suffix.lower() or 'nameless'} files",
)


def source_notes(
    files: Sequence[Path], headers: Sequence[ImageHeader], labels: Labels, class_names: Sequence[str]
) -> Iterator[str]:
    """A line for each outward property by which files of a class differ from those of every other.

    Args:
        files: of images (N,).
        headers: of these.
        labels: (N,) their classes; of several labels per image nothing is said.
        class_names: in the order of the labels.
    """
    if labels.ndim != 1:
        return
    every = list(zip(files, headers, strict=True))
    places = [np.flatnonzero(labels == index).tolist() for index in range(len(class_names))]
    seen = {name: _looked_at(every, some) for name, some in zip(class_names, places, strict=True)}
    large = {name for name, some in seen.items() if len(some) >= _FEWEST}
    for look in _LOOKS:
        looks = {name: {look(one) for one in some} for name, some in seen.items()}
        odd = [
            name
            for name, found in looks.items()
            if name in large
            and len(large) > 1
            and len(found) <= _FEW
            and not any(found & other for others, other in looks.items() if others != name)
        ]
        if odd:
            more = f" ({len(odd)} of {len(class_names)} classes are told apart so)" if len(odd) > 1 else ""
            yield (
                f"of the image files looked at, those of {odd[0]!r} are {' or '.join(sorted(looks[odd[0]]))}, "
                f"and of no other class{more}: "
                "the network may learn that instead of what the images show. Do the classes come from one source?"
            )


def _looked_at(every: Sequence[_Seen], places: Sequence[int]) -> list[_Seen]:
    chosen = np.linspace(0, len(places) - 1, min(_LOOKED_AT, len(places))).round().astype(int).tolist()
    return [every[places[at]] for at in chosen]
