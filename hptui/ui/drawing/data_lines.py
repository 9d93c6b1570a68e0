"""What a study is trained on, in lines: counts of each class and split, intensities, and what was noticed."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from hptui.record.data_summary import DataSummary, count_rows, files_words, noticed, overview_words
from hptui.record.intensity import Intensity
from hptui.record.study_directory import Study
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.literal import literal

MOST_NAME = 32
"""columns of a class's name"""
MOST_BAR = 30
LEAST_BAR = 6
NOT_RECORDED = "The hptui that began this study did not record what it read; hptui data DATASET tells it."


def data_lines(study: Study, width: int, palette: Palette) -> list[Text]:
    """As many lines as it takes, none wider than `width`."""
    summary = study.data
    if summary is None:
        return _wrapped(NOT_RECORDED, width, palette, "dim")
    lines = _wrapped(f"{overview_words(summary)}.", width, palette)
    if summary.files:
        lines += _wrapped(f"{files_words(summary)}.", width, palette)
    lines += _intensity(study.intensity, width, palette)
    lines += [Text(), *_table(summary, width, palette), Text()]
    remarks = noticed(summary)
    if not remarks:
        return [*lines, Text("Nothing was left out, and nothing else noticed."[:width])]
    lines.append(Text("What was noticed"[:width], "bold"))
    for remark in remarks:
        lines += _wrapped(remark, width, palette, begins="- ")
    return lines


def _intensity(intensity: Intensity | None, width: int, palette: Palette) -> list[Text]:
    """The range that becomes black to white, where it is not that of bytes."""
    if intensity is None or intensity.untouched:
        return []
    words = f"Intensities {intensity.low:g} to {intensity.high:g} become black to white ({intensity.rule})."
    return _wrapped(words, width, palette)


def _table(summary: DataSummary, width: int, palette: Palette) -> Iterator[Text]:
    """Counts, beside them the shares of the training images as bars where there is room."""
    rows = count_rows(summary)
    splits = list(summary.splits.values())
    cells = [[f"{count:,}" for count in counts] for _, counts in rows]
    groups = [["-" if split.groups is None else f"{split.groups:,}" for split in splits]]
    groups *= any(split.groups is not None for split in splits)
    headings = list(summary.splits)
    wide = [max(map(len, column)) for column in zip(headings, *cells, *groups, strict=True)]
    names = [literal(name, palette) for name, _ in rows]
    first = min(max(map(cell_len, ["class", *names])), MOST_NAME, max(width - sum(wide) - 2 * len(wide), 5))

    def line(name: str, counts: list[str]) -> str:
        cut = cell_len(name) > first
        short = set_cell_size(name, first - 1) + palette.mark("…", "~") if cut else set_cell_size(name, first)
        return "  ".join([short, *(one.rjust(room) for one, room in zip(counts, wide, strict=True))])

    room = min(width - len(line("", [""] * len(wide))) - 2, MOST_BAR)
    bars = _bars([counts[0] for _, counts in rows[:-1]], room, palette) if room >= LEAST_BAR else []
    yield Text((line("class", headings) + f"  {headings[0]}" * bool(bars))[:width], "bold")
    for index, (name, counts) in enumerate(zip(names, cells, strict=True)):
        shown = Text(_cut(line(name, counts), width), "bold" if index == len(rows) - 1 else "")
        yield shown.append(f"  {bars[index]}") if index < len(bars) else shown
    for counts in groups:
        yield Text(line("groups", counts)[:width])


def _bars(counts: list[int], room: int, palette: Palette) -> list[str]:
    """A bar for each class; one that has an image has a bar."""
    most = max([*counts, 1])
    return [palette.mark("■", "#") * max(round(room * count / most), min(count, 1)) for count in counts]


def _wrapped(text: str, width: int, palette: Palette, style: str = "", begins: str = "") -> list[Text]:
    """Lines of so many columns; a long word, as a sentence of Japanese is, goes on in the next one."""
    room = max(width - len(begins), 1)
    found = [line.plain.rstrip() for line in Text(literal(text, palette)).wrap(Console(), room)]
    places = [begins, *[" " * len(begins)] * (len(found) - 1)]
    return [Text(_cut(place + line, width), style) for place, line in zip(places, found, strict=True)]


def _cut(line: str, width: int) -> str:
    """As much of a line as so many columns take."""
    return line if cell_len(line) <= width else set_cell_size(line, width)
