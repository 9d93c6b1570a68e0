"""Confusion matrices, ROC curves and costs as drawn: their numbers, and no label cut or over another one."""

from __future__ import annotations

import pytest
from readable import assert_readable

from hptui.export.captions import costs_caption
from hptui.export.confusions import confusions_figure, percent
from hptui.export.costs import costs_figure
from hptui.export.roc import roc_figure
from hptui.export.style import look
from hptui.reading.outcomes import Confusion, CostPoint, RocCurve

TISSUES = (
    "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
    "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
)  # fmt: skip


def confusion(names: tuple[str, ...], arm: str = "baseline", n: int = 3) -> Confusion:
    size = len(names)
    counts = tuple(
        tuple(1234.5 if row == column else (row + column) % 4 / 3 for column in range(size)) for row in range(size)
    )
    return Confusion(arm, n, names, counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "names",
    [
        ("benign", "malignant"),
        ("no finding at all", "pneumothorax with effusion and more"),
        tuple("0123456789"),
        TISSUES,
        tuple(f"class {index}" for index in range(40)),
        ("", " "),
        ("W" * 80, "i" * 80, "$x_1$"),
    ],
    ids=["two", "two long", "ten", "nine long", "forty", "empty", "wide"],
)
@pytest.mark.parametrize("arms", [1, 2])
def test_confusion_matrices_are_readable(names: tuple[str, ...], arms: int) -> None:
    with look():
        figure = confusions_figure([confusion(names), confusion(names, "optimized", 20)][:arms], "a study")
        assert_readable(figure)


def test_the_shares_stand_in_their_cells() -> None:
    found = Confusion("baseline", 2, ("a", "b"), ((90.0, 10.0), (0.0, 40.5)))
    with look():
        figure = confusions_figure([found], "a study")
    panel = figure.axes[0]
    shown = {text.get_position(): text.get_text() for text in panel.texts}
    assert shown == {
        (0, 0): "90.0\n(90 images)", (1, 0): "10.0\n(10 images)", (0, 1): "0\n(0 images)", (1, 1): "100\n(40.5 images)",
    }  # fmt: skip
    assert [label.get_text() for label in panel.get_xticklabels()] == ["a", "b"]
    assert panel.get_ylim() == (1.5, -0.5)  # the first class above


def test_a_class_without_images_stays_empty() -> None:
    with look():
        figure = confusions_figure([Confusion("baseline", 1, ("a", "b"), ((0.0, 0.0), (1.0, 3.0)))], "a study")
    assert {text.get_position() for text in figure.axes[0].texts} == {(0, 1), (1, 1)}


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0"), (1, "100"), (0.0002, "<0.1"), (0.987, "98.7"), (0.9999, "99.9"), (0.05, "5.0")]
)
def test_percentages_take_four_characters(share: float, words: str) -> None:
    assert percent(share) == words


def curve(run: int, arm: str, area: float) -> RocCurve:
    return RocCurve(f"{arm}-{run}", arm, run, "ill", (0.0, 0.2, 1.0), (0.0, 0.8, 1.0), (2.0, 0.5, 0.0), area)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 20])
def test_a_line_for_each_run_and_the_mean_area_in_the_legend(n: int) -> None:
    curves = [curve(run, arm, 0.8 + 0.01 * run) for arm in ("baseline", "optimized") for run in range(n)]
    with look():
        figure = roc_figure(curves, "a study", "pneumothorax with effusion")
        assert_readable(figure)
    (axes,) = figure.axes
    assert len(axes.lines) == 2 * n + 1  # and chance
    assert list(axes.lines[1].get_ydata()) == [0.0, 0.8, 1.0]
    (legend,) = figure.legends
    mean = 0.8 + 0.01 * (n - 1) / 2
    area = "mean AUC" if n > 1 else "AUC"
    assert legend.get_texts()[1].get_text() == f"optimized, n = {n}, {area} {mean:.4f}"
    assert "pneumothorax with effusion" in figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize("n", [1, 3, 20])
@pytest.mark.parametrize("cost", [1e-6, 1.0, 4.0, 1e4])
def test_costs_are_readable_and_drawn_where_they_belong(n: int, cost: float) -> None:
    points = [
        CostPoint(f"{arm}-{seed}", arm, seed, price, 0.9 + 0.001 * seed)  # type: ignore[arg-type]
        for arm, price in (("baseline", 1.0), ("optimized", cost))
        for seed in range(n)
    ]
    with look():
        figure = costs_figure(points, "a study")
        assert_readable(figure)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    assert list(lines[0].get_xdata()) == [cost] * n
    assert lines[0].get_ydata() == pytest.approx([90 + 0.1 * seed for seed in range(n)])
    means = [bar for bar in axes.containers if len(bar)]
    assert len(means) == 2


@pytest.mark.parametrize(("spread", "ends"), [(0.001, 4), (0.04, 2)])
def test_an_interval_that_is_cut_has_no_end_there_and_the_caption_says_so(spread: float, ends: int) -> None:
    accuracies, costs = (0.99 - spread, 0.99, 0.99 + spread / 4), (3 - 50 * spread, 3.0, 3 + 50 * spread)
    pairs = enumerate(zip(costs, accuracies, strict=True))
    points = [CostPoint(f"optimized-{seed}", "optimized", seed, *pair) for seed, pair in pairs]
    with look():
        figure = costs_figure(points, "a study")
    caps = [line for line in figure.axes[0].lines if line.get_marker() in ("|", "_")]
    assert len(caps) == 4
    assert sum(cap.get_visible() for cap in caps) == ends
    assert ("cut at 0 and 100 %" in costs_caption(points)) == (ends < 4)
