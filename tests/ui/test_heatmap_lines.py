"""The heatmap's lines, without an app."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from textual.strip import Strip

from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid
from hptui.record.events import Axis
from hptui.ui.drawing.colours import MAPS, Palette, readable_on
from hptui.ui.drawing.heatmap_layout import share_of
from hptui.ui.drawing.heatmap_lines import cell_at, heatmap_lines, layout


def axis(name: str, count: int, low: float = 1e-6, high: float = 10.0) -> Axis:
    values = [low * (high / low) ** (n / max(count - 1, 1)) for n in range(count)]
    return Axis(name=name, low=low, high=high, scale="log", values=values)


def grid(rows: int = 3, columns: int = 3, *, filled: int | None = None, measure: str = "score") -> HeatmapGrid:
    """Scores 0.1, 0.2, ... in order; the last measured cell has diverged, the rest is not measured yet."""
    count = rows * columns if filled is None else filled
    flat = [Cell((n,), (n + 1) / 10) for n in range(count)] + [Cell()] * (rows * columns - count)
    if count > 1:
        flat[count - 1] = Cell((count - 1,), None, diverged=True)
    values = [cell.value for cell in flat if cell.value is not None]
    return HeatmapGrid(
        decision=0,
        epoch=1,
        measure=measure,  # type: ignore[arg-type]
        x=axis("lr", columns),
        y=axis("weight_decay", rows) if rows > 1 else None,
        cells=tuple(tuple(flat[row * columns : (row + 1) * columns]) for row in range(rows)),
        chosen=(0, 0) if count == rows * columns else None,
        low=min(values, default=None),
        high=max(values, default=None),
    )


def expected() -> HeatmapGrid:
    """One measured cell, one that is predicted, and one of which hardly anything is known."""
    cells = (
        Cell((0,), 0.31, error=0.2, paired_error=0.02, accuracy=0.9, went_on=True),
        Cell(predicted=0.42, error=0.05),
        Cell(predicted=0.9, error=0.8, vague=True),
    )
    return replace(grid(1, 3), cells=(cells,), chosen=None, measured=(0.31, 0.6), predicted_from=5)


@pytest.mark.parametrize("palette", [Palette(), Palette(colour=False), Palette(ascii=True, colour=False)])
def test_a_single_row_says_how_sure_its_numbers_are_and_what_became_of_them(palette: Palette) -> None:
    lines = text(heatmap_lines(expected(), 60, 12, palette))
    sign = palette.mark("±", "+-")
    assert [words in "".join(lines) for words in ("0.310", f"{sign}0.020", "90.0 %", "went on")] == [True] * 4
    assert [words in "".join(lines) for words in ("~0.420", f"{sign}0.050")] == [True] * 2
    assert "0.9 " not in "".join(lines)  # a number would be read as one that somebody knows
    assert "0.80" not in "".join(lines)
    assert "~ predicted" in lines[-1]
    assert "? hardly known" in lines[-1]
    assert f"{sign} against chosen" in lines[-1]
    hatch = {True: "~", False: "▒"}[palette.ascii or not palette.colour]
    numbers = next(line for line in lines if "0.310" in line)
    assert hatch not in numbers[:20]  # what was measured has no hatching
    assert hatch in numbers[20:40]
    assert "?" in numbers[40:]
    if palette.ascii:
        assert "".join(lines).isascii()


def test_two_cells_of_one_height_have_no_more_than_their_room() -> None:
    for height in range(1, 12):
        lines = heatmap_lines(expected(), 24, height, Palette())
        assert len(lines) <= height
        assert all(line.cell_length <= 24 for line in lines)


def text(lines: list) -> list[str]:
    return [line.text for line in lines]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 9), (3, 3), (5, 3), (25, 25)])
@pytest.mark.parametrize(("width", "height"), [(78, 20), (40, 12), (20, 5), (158, 46), (9, 3), (1, 1)])
@pytest.mark.parametrize("palette", [Palette(), Palette(colour=False), Palette(ascii=True, colour=False)])
def test_nothing_is_wider_or_higher_than_its_place(
    rows: int, columns: int, width: int, height: int, palette: Palette
) -> None:
    for filled in (0, 1, rows * columns):
        lines = heatmap_lines(grid(rows, columns, filled=filled), width, height, palette, cursor=(0, 0))
        assert len(lines) <= height
        assert all(line.cell_length <= width for line in lines)
        if palette.ascii:
            assert "".join(text(lines)).isascii()


def test_numbers_marks_ticks_and_names_are_there() -> None:
    lines = text(heatmap_lines(grid(), 78, 20, Palette()))
    body = "\n".join(lines)
    for shown in ("◆0.1", "0.5", "0.8", "×", "1e-6", "10", "→ lr (log)", "↑ weight_decay (log)", "chosen", "diverged"):
        assert shown in body, shown
    first_row = next(n for n, line in enumerate(lines) if "◆" in line)
    last_row = next(n for n, line in enumerate(lines) if "×" in line)
    assert last_row < first_row  # rows go from high at the top to low at the bottom


def test_cells_that_are_not_measured_are_told_from_measured_and_diverged_ones() -> None:
    body = "\n".join(text(heatmap_lines(grid(filled=4), 78, 20, Palette())))
    assert body.count("·") == 5 + 1  # five cells and the legend
    assert body.count("×") == 1 + 1


def test_without_colour_small_cells_have_shades_that_order_them() -> None:
    for palette, shades in ((Palette(colour=False), "░▒▓█"), (Palette(colour=False, ascii=True), "-+*#")):
        lines = text(heatmap_lines(grid(1, 25), 25, 6, palette))
        cells = lines[0][1:24]  # without the chosen one, and the one that has diverged
        ranks = [shades.index(cell) for cell in cells]
        assert ranks == sorted(ranks, reverse=True)  # a low score is good, hence dark
        assert len(set(ranks)) >= 4


def test_colours_go_from_bad_to_good_in_either_direction() -> None:
    low_is_good, high_is_good = grid(), grid(measure="accuracy")
    assert share_of(low_is_good, 0.1) == 1.0
    assert share_of(low_is_good, 0.8) == 0.0
    assert share_of(high_is_good, 0.1) == 0.0
    assert share_of(high_is_good, 0.8) == 1.0
    only = grid(1, 1)
    assert share_of(only, 0.1) == 1.0


def test_every_number_can_be_read_on_its_colour() -> None:
    def luminance(rgb: tuple[int, int, int]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return sum(share * channel for share, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for name, step in itertools.product(MAPS, range(101)):
        background = Palette(name).rgb(step / 100)
        a, b = sorted((luminance(background), luminance(readable_on(background))))
        assert (b + 0.05) / (a + 0.05) >= 4.5  # WCAG 2, level AA


def test_colour_maps_get_lighter_all_the_way() -> None:
    for name in MAPS:
        light = [sum(c * w for c, w in zip(Palette(name).rgb(n / 50), (2, 7, 1), strict=True)) for n in range(51)]
        assert light == sorted(light)


def test_a_click_finds_the_cell_that_is_drawn_there() -> None:
    shown = grid(5, 3)
    place = layout(shown, 78, 20, Palette())
    assert place is not None
    found = {cell_at(shown, place, x, y) for x in range(78) for y in range(20)} - {None}
    assert found == {(row, column) for row in range(5) for column in range(3)}
    lines = text(heatmap_lines(shown, 78, 20, Palette()))
    y = next(n for n, line in enumerate(lines) if "◆" in line)
    assert cell_at(shown, place, lines[y].index("◆"), y) == shown.chosen


def test_where_there_is_no_room_for_all_cells_the_best_of_a_block_stands_for_it() -> None:
    shown = grid(25, 25)
    place = layout(shown, 78, 14, Palette())
    assert place is not None
    assert place.block == (3, 1)
    lines = text(heatmap_lines(shown, 78, 14, Palette(), cursor=(1, 7)))
    assert len(lines) == 14
    assert "best of 3 x 1 cells each" in lines[-2]
    *_, lowest = range(*place.lines(0))
    assert "◆" in lines[lowest]  # the chosen cell is in the lowest block, and shown whatever else is there
    x = place.left + place.across(7)[0]
    assert cell_at(shown, place, x, lowest) == (0, 7)  # the lowest score of rows 0 to 2 in column 7
    reversed_lines = [n for n, line in enumerate(heatmap_lines(shown, 78, 14, Palette(), (1, 7))) if _reversed(line)]
    assert reversed_lines == list(range(*place.lines(0)))


def test_predicted_cells_are_told_from_measured_ones_in_every_palette() -> None:
    flat = [Cell((0,), 0.1), Cell(predicted=0.25), Cell(predicted=0.4), Cell()]
    shown = replace(grid(1, 4), cells=(tuple(flat),), low=0.1, high=0.4, chosen=None)
    for palette in (Palette(), Palette(colour=False), Palette(colour=False, ascii=True)):
        lines = heatmap_lines(shown, 78, 6, palette)
        body = text(lines)
        assert "~0.25" in body[1]
        assert "~0.40" in body[1]
        assert "~0.10" not in body[1]
        assert "~ predicted" in body[-1]
        small = text(heatmap_lines(shown, 4, 5, palette))
        hatch = palette.mark("▒", "~") if palette.colour else "~"
        assert small[0][1:4] == hatch * 2 + palette.mark("·", ".")
    segments = list(heatmap_lines(shown, 78, 6, Palette())[1])
    assert [segment.text.strip() for segment in segments if segment.style.bgcolor is not None] == ["0.100"]
    numbers = [segment for segment in segments if segment.text.startswith("~0")]
    assert all(segment.style.color is None for segment in numbers)  # readable in every theme


def _reversed(line: Strip) -> bool:
    return any(segment.style is not None and segment.style.reverse for segment in line)


@pytest.mark.parametrize("palette", [Palette(), Palette(colour=False), Palette(ascii=True, colour=False)])
def test_where_all_signs_occur_none_of_them_is_cut(palette: Palette) -> None:
    whole = grid()
    cells = ((*whole.cells[0][:2], Cell(predicted=0.2)), (Cell(), *whole.cells[1][1:]), whole.cells[2])
    legend = text(heatmap_lines(replace(whole, cells=cells), 58, 20, palette))[-1]
    assert all(word in legend for word in (" chosen", "~ predicted", " diverged", " empty"))


def rates(scores: list[float], chosen: int, *predicted: int) -> HeatmapGrid:
    """A single row; some of its scores are predicted."""
    cells = [Cell(predicted=score) if n in predicted else Cell((n,), score) for n, score in enumerate(scores)]
    shown = replace(grid(1, len(scores)), cells=(tuple(cells),), low=min(scores), high=max(scores))
    return replace(shown, chosen=(0, chosen))


SEVEN = rates([1.36, 1.024, 0.516, 0.2162, 0.1815, 0.249, 0.385], 4, 0, 1, 5, 6)


@pytest.mark.parametrize("palette", [Palette(), Palette(colour=False), Palette(ascii=True, colour=False)])
@pytest.mark.parametrize("rows", [1, 5])
def test_in_seven_columns_of_a_panel_what_is_chosen_and_predicted_can_be_read(rows: int, palette: Palette) -> None:
    """In a terminal of 120 x 40 a panel has 56 characters for cells and ticks, and 16 lines."""
    shown = replace(SEVEN, cells=SEVEN.cells * rows, y=axis("weight_decay", rows) if rows > 1 else None)
    *lines, _, _, _ = text(heatmap_lines(shown, 56, 14, palette))
    body = "\n".join(lines)
    for score in ("1.360", "1.024", "0.516", "0.216", "0.181", "0.249", "0.385"):
        assert body.count(score) == rows, score
    assert palette.mark("◆", "@") in body
    assert body.count("~") >= 4 * rows


@pytest.mark.parametrize(("width", "height"), [(56, 14), (78, 17), (158, 42)])
@pytest.mark.parametrize("shown", [SEVEN, grid(3, 3), grid(25, 25)])
def test_cells_fill_their_room_to_the_last_character(shown: HeatmapGrid, width: int, height: int) -> None:
    place = layout(shown, width, height, Palette())
    assert place is not None
    lines = heatmap_lines(shown, width, height, Palette())
    assert len(lines) == height
    assert all(line.cell_length == width for line in lines[: place.high])
    assert place.left + place.wide == width
    larger = layout(shown, 2 * width, 2 * height, Palette())
    assert larger is not None
    assert larger.least_cell > place.least_cell or larger.block < place.block


def test_an_outlier_leaves_digits_and_colours_to_the_others() -> None:
    shown = rates([0.394, 0.39, 0.391, 24.5], 1)
    lines = text(heatmap_lines(shown, 58, 8, Palette()))
    for number in ("0.394", "◆0.390", "0.391", "24.500"):
        assert number in "\n".join(lines[:-3]), number
    assert lines[-1].startswith("≥0.4")
    assert share_of(shown, 0.39) - share_of(shown, 0.394) > 0.1
    plain = text(heatmap_lines(shown, 58, 8, Palette(ascii=True)))
    assert plain[-1].startswith(">=0.4")


def test_cells_that_were_passed_over_have_a_mark_and_the_legend_says_so() -> None:
    better, out = Cell((0,), 0.76, passed_over=True, better=True), Cell((2,), 0.9, passed_over=True, left_out=1)
    for first, last, words in (
        (better, Cell((2,), 0.9), "! better, not taken"),
        (Cell((0,), 0.76), out, "! left out"),
        (better, out, "! left out, or better, not taken"),
    ):
        shown = replace(grid(1, 3), cells=((first, Cell((1,), 0.86), last),), chosen=(0, 1), low=0.76, high=0.9)
        for palette in (Palette(), Palette(colour=False), Palette(ascii=True, colour=False)):
            lines = text(heatmap_lines(shown, 68, 8, palette))
            assert ("!0.760" in "\n".join(lines)) == first.passed_over
            assert ("!0.900" in "\n".join(lines)) == last.passed_over
            assert f"{palette.mark('◆', '@')}0.860" in "\n".join(lines)
            assert lines[-1].rstrip().endswith(words)


def test_of_what_was_not_varied_the_one_value_is_told() -> None:
    shown = replace(SEVEN, fixed={"dropout": 0.0, "weight_decay": 1e-6})
    assert "→ lr (log)   at dropout 0, weight_decay 1e-6" in "\n".join(text(heatmap_lines(shown, 58, 8, Palette())))
