"""Files of a data set in one array: the depth and the channels that they have together, and what is told of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hptui.datasets import MOST_CHANNELS
from hptui.datasets._decode import depth_words, refuse_depth
from hptui.datasets._image_header import ImageForm, ImageHeader
from hptui.datasets._pages import wanted_pages
from hptui.errors import DatasetError
from hptui.record.intensity import Depth

_NAMED = 3
"""ranges in a line"""


def joint_depth(
    paths: Sequence[Path], headers: Sequence[ImageHeader], wanted: Depth | None = None, *, units: bool = True
) -> Depth:
    """Depth that holds the pixels of all files: the wanted one, where it has to be that, of values in units or not.

    Raises:
        DatasetError: their values have no common scale.
    """
    if wanted is not None:
        for path, header in zip(paths, headers, strict=True):
            refuse_depth(path, header, wanted, "the network was trained on", units=units)
        return wanted
    counts = Counter(header.depth for header in headers)
    if len(counts) == 1:
        return headers[0].depth
    deeper = all(header.decoder == "dicom" for header in headers) and "uint8" not in counts
    if deeper:  # values are in units that each file defines
        return "float32"
    if any(map(_is_colour_dicom, headers)) and not all(map(_is_colour_dicom, headers)):
        in_colour = [path for path, header in zip(paths, headers, strict=True) if _is_colour_dicom(header)]
        raise DatasetError(
            f"{len(in_colour)} of {len(headers)} images are DICOM in colour, such as {in_colour[0]}: pictures of 8 "
            "bits without units, as screens and reports are stored. The others have values of another depth; take one "
            "kind out."
        )
    of_each = " and ".join(
        f"{count} of {depth_words(depth)} (such as {_first(paths, headers, depth)})"
        for depth, count in counts.most_common()
    )
    raise DatasetError(
        f"there are images {of_each}: their values have no common scale. Take one kind out, or bring all to one depth."
    )


def _is_colour_dicom(header: ImageHeader) -> bool:
    return header.decoder == "dicom" and header.channels == 3


def _first(paths: Sequence[Path], headers: Sequence[ImageHeader], depth: Depth) -> Path:
    return next(path for path, header in zip(paths, headers, strict=True) if header.depth == depth)


def refuse_without_window(paths: Sequence[Path], headers: Sequence[ImageHeader]) -> None:
    """Refuse files that have no window of their own, where each is to be seen within it.

    Raises:
        DatasetError: one is no DICOM file.
    """
    for path, header in zip(paths, headers, strict=True):
        if header.decoder != "dicom":
            raise DatasetError(
                f"{path} is no DICOM file, so it has no window of its own (--intensity voi): leave it out, or train "
                "with auto, minmax, percentile:LOW:HIGH or window:CENTRE:WIDTH."
            )


def joint_channels(paths: Sequence[Path], headers: Sequence[ImageHeader], pages: str | None) -> int:
    """Channels that all images are brought to; grey and RGB go together, others have to be equal.

    Raises:
        DatasetError: they differ, there are too many, or a file has several pages and nobody has said which.
    """
    read = [len(wanted_pages(path, header.pages, pages)) for path, header in zip(paths, headers, strict=True)]
    kinds = {header.channels for header in headers}
    page = 3 if kinds == {1, 3} else headers[0].channels
    joined = read if pages == "all" else [1]
    if not kinds <= {1, 3} and len(kinds) > 1:
        odd = next(index for index, header in enumerate(headers) if header.channels != page)
        raise DatasetError(
            f"{paths[0]} has {page} channels and {paths[odd]} {headers[odd].channels}; all images need the same."
        )
    if len(set(joined)) > 1:
        odd = next(index for index, count in enumerate(read) if count != read[0])
        raise DatasetError(
            f"{paths[0]} has {read[0]} pages and {paths[odd]} {read[odd]}; --pages all needs equal ones."
        )
    if (channels := page * joined[0]) > MOST_CHANNELS:
        raise DatasetError(
            f"{paths[0]} would be an image of {channels} channels; at most {MOST_CHANNELS} are taken "
            "(--pages takes first, middle, last, a number, mean or max too)."
        )
    return channels


def file_notes(headers: Sequence[ImageHeader], form: ImageForm) -> Iterator[str]:
    """What the files are, and what was done to those that are not all as the network gets them, one line each.

    The first line is no news: `without_files` takes it out of the notes. It stands in there because these go wherever
    the pixels go, also into the cache of decoded images.
    """
    yield f"{_FILES}{_files_words(headers, form)}"
    total = len(headers)
    grey = sum(header.channels == 1 for header in headers)
    if 0 < grey < total and {header.channels for header in headers} == {1, 3}:
        yield f"{grey:,} of {total:,} image files are grey and the others RGB: grey was taken as three equal channels"
    if several := [header.pages for header in headers if header.pages > 1]:
        span = f"{min(several)}" if min(several) == max(several) else f"{min(several)} to {max(several)}"
        yield f"{len(several):,} of {total:,} image files have {span} pages or frames; taken: {form.pages} (--pages)"
    if grey_dicom := sum(header.decoder == "dicom" and header.channels == 1 for header in headers):
        window = "each within its own VOI window" if form.own_window else "in the units of their rescale"
        yield f"{grey_dicom:,} of {total:,} image files are DICOM, {window}"
    yield from _unit_notes([header for header in headers if header.decoder == "dicom" and header.channels == 1])
    yield from _inverted_notes(headers)
    if colour := sum(_is_colour_dicom(header) for header in headers):
        yield (
            f"{colour:,} of {total:,} image files are DICOM in colour (RGB, YBR or a palette): red, green and blue of "
            "8 bits, which have no units and no window"
        )
    if padded := sum(header.padded for header in headers):
        yield f"{padded:,} of them name a number for padding: such pixels are as dark as the image's darkest"
    if clear := sum(header.transparent for header in headers):
        yield f"{clear:,} of {total:,} image files have an alpha channel: what is transparent there was taken as white"
    if any(header.height != header.width for header in headers):
        yield f"image files of {_sizes(headers)} pixels {_FITTED[form.resize]}"


def _inverted_notes(headers: Sequence[ImageHeader]) -> Iterator[str]:
    """A line on files that were turned dark to bright, and between which values where that is not one for all."""
    inverted = [header for header in headers if header.inverted]
    if not inverted:
        return
    told = f"{len(inverted):,} of {len(headers):,} image files are stored bright to dark (MONOCHROME1), and were turned"
    ends = Counter(header.ends for header in inverted)
    if len(ends) == 1 and None not in ends:
        yield f"{told} round"
        return
    each = ", ".join(
        f"{count:,} between {words}"
        for words, count in ((_ends_words(between), count) for between, count in ends.most_common(_NAMED))
    )
    more = f" and {len(ends) - _NAMED} more ranges" if len(ends) > _NAMED else ""
    yield (
        f"{told} round, each between what it can hold ({each}{more}): where these are not one scale, the same tissue "
        "has several values (--intensity voi takes each file's own window)"
    )


def _ends_words(ends: tuple[float, float] | None) -> str:
    return "its own darkest and brightest" if ends is None else f"{ends[0]:g} and {ends[1]:g}"


def _unit_notes(grey: Sequence[ImageHeader]) -> Iterator[str]:
    """Lines where values of grey DICOM files are not in one unit: a number that is air in one is bone in another."""
    kinds = Counter(header.modality or "unknown" for header in grey)
    if len(kinds) > 1:
        named = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        yield f"the DICOM files are of several modalities ({named}), whose values have different units"
    without = sum(not header.rescaled for header in grey)
    if 0 < without < len(grey):
        yield (
            f"{without:,} of {len(grey):,} DICOM files do not say how numbers become units (no rescale), and the "
            "others do: the values of both are taken for the same"
        )


def without_files(notes: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Notes without the line on what the image files are, and that line; empty: nothing was read from image files."""
    lines = tuple(map(str, notes))
    files = next((line.removeprefix(_FILES) for line in lines if line.startswith(_FILES)), "")
    return tuple(line for line in lines if not line.startswith(_FILES)), files


_FILES = "image files: "


def _files_words(headers: Sequence[ImageHeader], form: ImageForm) -> str:
    """Number, sizes, depths and colours of files, and the size that their images have."""
    depths = ", ".join(dict.fromkeys(depth_words(header.depth) for header in headers))
    colours = " and ".join(
        {1: "grey", 3: "RGB"}.get(count, f"{count} channels")
        for count in sorted({header.channels for header in headers})
    )
    sizes = Counter((header.height, header.width) for header in headers)
    here = (form.height, form.width)
    brought = "" if set(sizes) == {here} else f"; brought to {form.height} x {form.width}"
    usual = ""
    if len(sizes) > 1:
        (height, width), count = sizes.most_common(1)[0]
        usual = f" ({len(sizes):,} sizes" + (f", {count:,} are {height} x {width})" if count > 1 else ")")
    return f"{len(headers):,} of {_sizes(headers)} pixels{usual}, {depths}, {colours}{brought}"


_FITTED = {
    "stretch": "were stretched to squares, whatever their proportions (--resize stretch; pad and crop keep them)",
    "pad": "were given black bars to become squares (--resize pad)",
    "crop": "lost their ends to become squares (--resize crop)",
}


def _sizes(headers: Sequence[ImageHeader]) -> str:
    """Height x width, of the smallest and the largest by area."""
    sizes = sorted({(header.height * header.width, header.height, header.width) for header in headers})
    ends = [f"{height} x {width}" for _, height, width in (sizes[0], sizes[-1])]
    return ends[0] if len(sizes) == 1 else f"{ends[0]} to {ends[1]}"
