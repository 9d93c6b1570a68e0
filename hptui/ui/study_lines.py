"""The list of studies fitted to a terminal: which columns there is room for, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size

from hptui.reading.listing import LIVING
from hptui.reading.listing_words import COLUMNS, Column, problem_words
from hptui.reading.study_line import UNREADABLE, StudyLine
from hptui.ui.drawing.literal import literal

COLORED = (*LIVING, "finished", "failed", "lost", UNREADABLE)
"""states with a colour of their own"""
SORTED = {False: "▼", True: "▲"}
"""beside the heading of the column that the rows are sorted by; by whether backwards"""
ALWAYS = 3
"""columns that are shown even where there is no room for them"""
BEFORE_NAMES = 3
"""rank up to which columns are shown although a name is cut for them"""
LONG_NAME = 48
"""cells that a name has before any other column; a longer one may be cut for these"""


@dataclass(frozen=True)
class Order:
    """How rows are sorted."""

    column: Column
    backwards: bool = False

    @property
    def words(self) -> str:
        """How, in words."""
        return f"sorted by {self.column.heading}{', the other way' if self.backwards else ''}"

    def heading(self, column: Column) -> str:
        """The column's heading, marked if it is the one."""
        return f"{column.heading} {SORTED[self.backwards]}" if column.name == self.column.name else column.heading


@dataclass(frozen=True)
class Layout:
    """Columns that are shown, and their widths without the space between them."""

    columns: tuple[Column, ...]
    headings: tuple[str, ...]
    widths: tuple[int, ...]

    def row(self, line: StudyLine) -> list[str]:
        """The cells of one study; of an unreadable one the reason, across all that follow its state."""
        if line.state != UNREADABLE:
            texts = [literal(column.text(line)) for column in self.columns]
            return [
                _aligned(text, width, right=column.number is not None)
                for column, text, width in zip(self.columns, texts, self.widths, strict=True)
            ]
        cut = [_cut(literal(self.columns[index].text(line)), self.widths[index]) for index in (0, 1)]
        return [*cut, *self._across(literal(problem_words(line)), first=2)]

    def _across(self, text: str, first: int) -> list[str]:
        """Text that goes on from column to column."""
        widths = self.widths[first:]
        rest, pieces = _cut(text, sum(widths) + len(widths) - 1), []
        for width in widths:
            piece = next(iter(chop_cells(rest, width + 1)), "")
            pieces.append(piece)
            rest = rest[len(piece) :]
        return pieces


def layout(lines: Sequence[StudyLine], room: int, order: Order, among: Sequence[Column] = COLUMNS) -> Layout:
    """Choose the columns for `room` cells: by rank, as long as each fits with words cut to their least.

    Names are cut for the first columns alone: what tells two studies apart often stands at their end. A column of words
    that has nothing to tell of any study is left out; one of numbers is not, so that nothing moves while they come.
    The column that rows are sorted by is always there: without it their order could not be understood. What room is
    left then goes to the words, the name first.
    """
    whole, least = {}, {}
    for column in among:
        readable = [line for line in lines if line.state != UNREADABLE or column.rank == 0]
        texts = [cell_len(literal(column.text(line))) for line in readable]
        is_number = column.number is not None
        if any(texts) or is_number or _rank(column, order) < ALWAYS:
            whole[column] = max([cell_len(order.heading(column)), column.least if is_number else 0, *texts])
            least[column] = whole[column] if is_number else min(whole[column], column.least or whole[column])
    taken: list[Column] = []
    for column in sorted(whole, key=lambda column: _rank(column, order)):
        needed = sum(least[one] + 1 for one in [*taken, column])
        if _rank(column, order) > BEFORE_NAMES:
            needed += sum(max(min(whole[one], LONG_NAME) - least[one], 0) for one in taken if one is among[0])
        if needed <= room or len(taken) < ALWAYS:
            taken.append(column)
        else:
            break
    columns = tuple(column for column in among if column in taken)
    widths = {column: least[column] for column in columns}
    spare = room - sum(width + 1 for width in widths.values())
    for column in columns:
        more = max(0, min(spare, whole[column] - widths[column]))
        widths[column] += more
        spare -= more
    return Layout(columns, tuple(map(order.heading, columns)), tuple(widths.values()))


def _rank(column: Column, order: Order) -> float:
    """Rank of a column; that of the one that rows are sorted by comes right after those that no list is without."""
    return min(column.rank, 0.5) if column.name == order.column.name else column.rank


def _aligned(text: str, width: int, *, right: bool) -> str:
    cut = _cut(text, width)
    return " " * (width - cell_len(cut)) + cut if right else cut


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
