"""Charts tested on their lines, without an app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from hptui.ui.drawing.chart_ticks import epoch_ticks, value_ticks
from hptui.ui.drawing.charts import BASELINE, MARK_COLUMNS, OPTIMIZED, Band, Series, chart, legend
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.literal import literal

COLOUR, MONO, ASCII = Palette(), Palette(colour=False), Palette(colour=False, ascii=True)
FALLING = Series("chosen", tuple((epoch, 10 ** -(epoch / 5)) for epoch in range(1, 21)), colour=OPTIMIZED)
RANGE = Series("range", ((1, 1e-4), (10, 1e-3), (20, 1e-3)), "dashed")
EDGE = Series("on the edge", ((20, 1e-4),), "dots", OPTIMIZED, "▼")
AREA = Band("all runs", tuple((epoch, 0.1 / epoch, 0.9 / epoch) for epoch in range(1, 21)), BASELINE)
ALL = [AREA, RANGE, FALLING, EDGE]


def draw(series: Sequence[Series | Band], width: int = 60, height: int = 15, **options: Any) -> list[str]:
    """Lines as text; each one is checked to have the size that was asked for."""
    lines = chart(series, width=width, height=height, **{"palette": COLOUR} | options)
    assert [line.cell_len for line in lines] == [width] * height
    assert all(isinstance(line, Text) for line in lines)
    return [line.plain for line in lines]


def line(*values: float, **fields: Any) -> Series:
    return Series("a", tuple(enumerate(values, 1)), **fields)


@pytest.mark.parametrize("palette", [COLOUR, MONO, ASCII])
@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(("width", "height"), [(20, 5), (21, 6), (33, 12), (60, 15), (200, 60), (300, 5), (20, 90)])
def test_exact_size_in_every_palette(width: int, height: int, log_y: bool, palette: Palette) -> None:
    draw(ALL, width, height, log_y=log_y, palette=palette)


@pytest.mark.parametrize("width", [0, 1, 9, 19, 60])
@pytest.mark.parametrize("height", [0, 1, 2, 4])
def test_too_small_says_so(width: int, height: int) -> None:
    text = "".join(draw(ALL, width, height))
    assert not text or "too small".startswith(text.strip())


def test_no_data_yet() -> None:
    for series in ([], [Series("a", ())], [Band("a", ())], [line(0.0, 0.0)]):
        assert "no data yet" in "".join(draw(series, log_y=True))


def test_log_axis_has_powers_of_ten_and_epochs_are_whole() -> None:
    lines = draw(ALL, log_y=True)
    assert [row.split("┤")[0].strip() for row in lines if "┤" in row] == ["1e-1", "1e-2", "1e-3", "1e-4"]
    assert lines[-1].split() == ["epoch", "1", "5", "10", "15", "20"]


def test_shares_are_read_in_percent() -> None:
    lines = draw([line(0.5, 0.8, 0.9)], y_format="percent")
    assert {row.split("┤")[0].strip() for row in lines if "┤" in row} == {"50%", "60%", "70%", "80%", "90%"}
    narrow = draw([line(0.991, 0.9925)], y_format="percent")
    assert any(row.strip().startswith("99.20%") or row.strip().startswith("99.2%") for row in narrow)


def test_a_falling_line_goes_down_and_a_rising_line_goes_up() -> None:
    def highest(rows: list[str]) -> list[int]:
        columns = zip(*(row[8:] for row in rows[:-2]), strict=True)
        return [column.index("o") for column in columns if "o" in column]

    falling = highest(draw([line(3.0, 2.0, 1.0)], palette=ASCII))
    rising = highest(draw([line(1.0, 2.0, 3.0)], palette=ASCII))
    assert falling == sorted(falling)
    assert rising == sorted(rising, reverse=True)
    assert falling[0] == rising[-1] == 0


def test_a_dashed_value_holds_until_the_next() -> None:
    rows = draw([Series("", ((1, 1.0), (10, 3.0), (20, 3.0)), "dashed")], palette=ASCII)
    top, bottom = rows[0][6:], rows[-3][6:]
    assert bottom.rstrip().endswith("-")
    assert len(bottom.rstrip()) < 27 <= len(top) - len(top.lstrip()) + 3
    assert not any("-" in row[6:] for row in rows[1:-3])


def test_steps_hold_around_their_points_and_never_slope() -> None:
    """One value until half way to the next point, the next one from there on: all signs but one column's are level."""
    rows = draw([Series("a", ((1, 1.0), (2, 1.0), (3, 3.0), (4, 3.0)), "steps")], palette=ASCII)[:-2]
    columns = ["".join(row[column] for row in rows) for column in range(6, 60)]
    assert {column.strip() for column in columns[:26]} == {"o"} == {column.strip() for column in columns[28:]}
    assert [column.index("o") for column in columns[:26]] == [len(rows) - 1] * 26
    assert [column.index("o") for column in columns[28:]] == [0] * 26
    assert "o" * len(rows) in columns[26:28]


def test_a_band_lies_between_low_and_high() -> None:
    rows = draw([Band("", ((1, 0.0, 4.0), (2, 0.0, 2.0)))], palette=ASCII)
    heights = [sum(row[column] == "." for row in rows) for column in range(6, 60)]
    assert heights[0] == 13
    assert heights[-1] in (6, 7)
    assert heights == sorted(heights, reverse=True)


def test_one_point_stands_alone() -> None:
    rows = draw([Series("a", ((7, 0.5),), colour=OPTIMIZED)])
    assert sum(row.count("●") for row in rows) == 1
    assert rows[-1].split() == ["epoch", "7"]


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.5, 1.0, 100.0, 1e12, -3.0])
def test_equal_values_are_a_flat_line(value: float) -> None:
    rows = draw([line(value, value, value)], palette=ASCII)
    assert sum("o" in row for row in rows[:-2]) == 1


def test_equal_shares_do_not_leave_0_to_100_percent() -> None:
    labels = [row.split("┤")[0].strip() for row in draw([line(1.0, 1.0)], y_format="percent") if "┤" in row]
    assert labels[0] == "100%"


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("end", [5e-324, 1e-300, 1e-12, 0.9999999999, 1.0000001, 1e12, 1e300, 1.7e308, float("inf")])
def test_huge_and_small_values(end: float, log_y: bool) -> None:
    for width, height in ((20, 5), (60, 15)):
        draw([line(1.0, end)], width, height, log_y=log_y)
        draw([line(end, end)], width, height, log_y=log_y)
        draw([line(-end, end)], width, height, log_y=log_y)


def test_zero_is_left_off_a_log_axis_and_the_legend_says_so() -> None:
    baseline = Series("baseline", ((1, 0.0), (2, 0.0)))
    rows = draw([baseline, line(1e-4, 1e-3)], log_y=True, palette=ASCII)
    assert not any(row.startswith(" 0") for row in rows)
    words = legend([baseline, line(1e-4, 1e-3)], width=60, palette=ASCII, log_y=True)
    assert words[0].plain.split("  ") == ["o baseline (0: off the log axis)", "o a", *words[0].plain.split("  ")[2:]]
    draw([Band("", ((1, 0.0, 1.0), (2, -1.0, 0.0), (3, 0.1, 1.0)))], log_y=True)


def test_ascii_is_ascii() -> None:
    rows = draw([*ALL, line(0.1, 0.2, marker="雪")], palette=ASCII, x_label="Épo")
    rows += [row.plain for row in legend([*ALL, Series("é[b]", ((1, 1.0),))], width=60, palette=ASCII)]
    assert all(row.isascii() for row in rows)
    assert "?[b]" in rows[-1]


@pytest.mark.parametrize("palette", [COLOUR, MONO, ASCII])
def test_nothing_has_a_background(palette: Palette) -> None:
    lines = [*chart(ALL, width=60, height=15, palette=palette), *legend(ALL, width=60, palette=palette)]
    styles = [span.style for row in lines for span in row.spans]
    assert all(style.bgcolor is None for style in styles if not isinstance(style, str))
    console = Console(width=60, force_terminal=True, color_system="truecolor", no_color=False)
    with console.capture() as capture:
        for row in lines:
            console.print(row)
    assert "[48" not in capture.get()
    assert ";48;" not in capture.get()


def test_colour_is_used_only_where_it_can_be_seen() -> None:
    def colours(palette: Palette) -> set[Any]:
        rows = [*chart(ALL, width=60, height=15, palette=palette), *legend(ALL, width=60, palette=palette)]
        return {span.style.color.triplet for row in rows for span in row.spans if span.style and span.style.color}

    assert colours(COLOUR) == {BASELINE, OPTIMIZED}
    assert colours(MONO) == set()


def test_without_colour_series_differ_by_their_marks() -> None:
    for palette, one, other in ((MONO, "●", "×"), (ASCII, "o", "x")):
        rows = "".join(draw([line(1, 2, 3), line(3, 2, 1, marker="×")], palette=palette)[:-2])
        assert one in rows
        assert other in rows
        assert not any("\u2800" < sign < "\u28ff" for sign in rows)


def test_names_are_shown_literally() -> None:
    assert literal("a[red]\x1b[31m\n", COLOUR) == "a[red]?[31m?"
    (words,) = legend([Series("[bold]x[/]\x1b[7m", ((1, 1.0),))], width=40, palette=COLOUR)
    assert "[bold]x[/]?[7m" in words.plain


def test_legend_wraps_between_entries() -> None:
    words = legend(ALL, width=21, palette=COLOUR)
    assert len(words) == 3
    assert all(row.cell_len == 21 for row in words)


@pytest.mark.parametrize("style", ["line", "steps"])
@pytest.mark.parametrize("epochs", [2, 30, 3000])
def test_fine_lines_are_told_apart_without_their_colour(style: Any, epochs: int) -> None:
    """In a capture of the screen baseline and optimized had one sign."""
    both = [
        Series(name, tuple((float(epoch), height) for epoch in range(1, epochs + 1)), style, colour, sign)
        for name, height, colour, sign in (("baseline", 1.0, BASELINE, "×"), ("optimized", 2.0, OPTIMIZED, "●"))
    ]
    lines = draw(both)
    (low,) = [row for row in lines if "×" in row]
    (high,) = [row for row in lines if "●" in row]
    assert lines.index(high) < lines.index(low)
    for row, sign in ((low, "×"), (high, "●")):
        assert 2 <= row.count(sign) <= 60 // MARK_COLUMNS
        assert row.rstrip().endswith(sign)  # the newest value
    (words,) = legend(both, width=60, palette=COLOUR)
    assert words.plain.split() == ["⠤×⠤", "baseline", "⠤●⠤", "optimized"]


@pytest.mark.parametrize("last", [1, 2, 3, 7, 20, 99, 100, 101, 12345])
@pytest.mark.parametrize("columns", [4, 14, 54, 190])
def test_epoch_ticks_are_whole_within_and_apart(last: int, columns: int) -> None:
    ticks = epoch_ticks(1, last, columns)
    assert all(1 <= tick <= last for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert 1 <= len(ticks) <= max(3, columns // 8 + 1)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(1e-5, 1e-1), (0.02, 0.025), (16, 512), (0.97, 0.993), (3e-3, 3.1e-3)])
def test_value_ticks_differ_and_lie_within(low: float, high: float, log: bool) -> None:
    for rows in range(3, 60):
        ticks = value_ticks(low, high, rows, log=log, form="number")
        labels = [label for _, label in ticks.labels]
        assert 2 <= len(labels) == len(set(labels))
        assert all(ticks.low - 1e-6 <= place <= ticks.high + 1e-6 for place, _ in ticks.labels)
        for place, label in ticks.labels:
            assert float(label) == pytest.approx(10**place if log else place, rel=1e-6)


def test_charts_beside_each_other_can_share_their_epochs() -> None:
    assert draw([line(1.0, 2.0)])[-1].split() == ["epoch", "1", "2"]
    assert draw([line(1.0, 2.0)], epochs=(1, 20))[-1].split() == ["epoch", "1", "5", "10", "15", "20"]


def test_an_axis_around_a_constant_has_no_values_that_there_are_not() -> None:
    """Around a dropout of 0 it went from -1 to 1."""
    ticks = value_ticks(0.0, 0.0, 10, log=False, form="number")
    assert (ticks.low, ticks.high) == (0.0, 1.0)
    assert value_ticks(-1.0, -1.0, 10, log=False, form="number").low < -1
    share = value_ticks(1.0, 1.0, 10, log=False, form="percent")
    assert share.low < share.high == 1.0
