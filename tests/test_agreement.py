"""One study, four ways out: screen, CSV, HTML and `compare --json` say the same numbers.

A small study is really trained: scanned digits, threes against eights. The expected text is made here from the JSON
with plain formatting, and looked for where a reader finds it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from typing import NamedTuple

import numpy as np
import nursery
import pytest
from fabricate import PATIENCE_SECONDS
from html_page import Page
from rich.console import Console

from hptui.__main__ import main
from hptui.cli.tables import comparison_table
from hptui.export import export
from hptui.reading.alerts import finished_alert
from hptui.reading.comparison import compare
from hptui.reading.studies import FollowedStudy, follow
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.trajectories import trajectories
from hptui.record.run_reader import RunReader
from hptui.report import page, pictures
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.heatmap_lines import heatmap_lines
from hptui.ui.drawing.heatmap_numbers import cell_number
from hptui.ui.panels.table import Seen, _row, _words

OWN_DATA = """
import numpy as np
from sklearn.datasets import load_digits
from hptui.datasets import ImageDataset, Images

def load():
    digits = load_digits()
    keep = np.isin(digits.target, (3, 8))
    pixels = (digits.images[keep] * 15).astype(np.uint8)[:, None].repeat(2, 2).repeat(2, 3)
    labels = (digits.target[keep] == 8).astype(np.int64)
    return ImageDataset("threes and eights", ("3", "8"), train=Images(pixels[::2], labels[::2]),
                        test=Images(pixels[1::2], labels[1::2]))
"""


class Outputs(NamedTuple):
    """All that was made of one study."""

    study: FollowedStudy
    json: dict
    auc: dict
    """compare --metric auc"""
    printed: str
    """by the training itself, at its end"""
    screen: str
    """comparison table and sentences"""
    html: Page
    tables: dict[str, list[dict[str, str]]]
    """CSV by name"""

    def table_value(self, name: str) -> float:
        """A number of comparison.csv."""
        return float(next(row["value"] for row in self.tables["comparison"] if row["name"] == name))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "pair.py").write_text(OWN_DATA, "utf-8")
    directory = folder / "study"
    arguments = [
        "--dataset",
        folder / "pair.py:load",
        "--model",
        "lenet",
        "--epochs",
        2,
        "--runs",
        5,
        "--device",
        "cpu",
    ]
    search = [
        "--strategy",
        "grid",
        "--search",
        "lr=1e-4:1e-2:log:3",
        "--search",
        "weight_decay=1e-6:1e-2:log:2",
        "--batch-size",
        20,
    ]
    options = ["--horizon", 1, "--threads", 1, "--headless", "--out", directory]
    done = nursery.run("run", *arguments, *search, *options, timeout=200)
    assert done.returncode == 0, done.stderr
    study = follow(directory)
    export(study, folder / "csv", ("csv",))
    tables = {}
    for path in (folder / "csv").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(comparison_table(compare(study)))
    with pytest.MonkeyPatch.context() as patch:  # of the page its words are read
        patch.setattr(pictures, "data_of", lambda picture: "data:image/svg+xml;base64,")
        html = Page(page(study))
    return Outputs(
        study,
        said_by("compare", directory, "--json"),
        said_by("compare", directory, "--json", "--metric", "auc"),
        done.stdout,
        console.export_text(),
        html,
        tables,
    )


def said_by(*arguments: object) -> dict:
    done = nursery.run(*arguments, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def percent(share: float) -> str:
    return f"{100 * share:.2f}"


@pytest.mark.parametrize("arm", ["baseline", "optimized"])
def test_mean_and_spread_of_both_arms(outputs: Outputs, arm: str) -> None:
    """Four numbers."""
    found = outputs.json[arm]["test_accuracy"]
    text = f"{percent(found['mean'])} ± {percent(found['sd'])}"
    assert found["mean"] == pytest.approx(np.mean(found["values"]))
    assert text in next(line for line in outputs.screen.splitlines() if line.strip().startswith(arm))
    assert text in outputs.html.row(arm)
    assert outputs.table_value(f"{arm}.test_accuracy.mean") == found["mean"]
    assert outputs.table_value(f"{arm}.test_accuracy.sd") == found["sd"]
    runs = [float(row["test_accuracy"]) for row in outputs.tables["accuracies"] if row["arm"] == arm]
    assert runs == found["values"]


def test_the_difference_with_interval_and_p_values(outputs: Outputs) -> None:
    """Six numbers, and the sentence."""
    found = outputs.json["difference"]
    interval = f"{100 * found['low']:+.2f} to {100 * found['high']:+.2f}"
    words = _words(compare(outputs.study))  # what stands below the table of the dashboard
    for text in (f"points): {100 * found['mean']:+.2f}", interval, f"paired t-test p = {found['p_value']:.3g}"):
        assert text in outputs.screen
        assert text in words
        assert text in outputs.html.text
    assert f"d = {found['effect_size']:.2f}" in words
    assert f"Wilcoxon signed ranks p = {found['wilcoxon_p']:.3g}" in outputs.screen
    for label, text in (
        ("mean difference, optimized - baseline (points)", f"{100 * found['mean']:+.2f}"),
        ("95 % interval (Student, over pairs)", interval),
        ("p (paired t-test, two-sided)", f"{found['p_value']:.3g}"),
        ("p (Wilcoxon signed ranks, exact)", f"{found['wilcoxon_p']:.3g}"),
        ("effect size dz (mean / standard deviation)", f"{found['effect_size']:.2f}"),
    ):
        assert outputs.html.row(label)[1] == text
    for name in ("mean", "low", "high", "p_value", "wilcoxon_p", "effect_size"):
        assert outputs.table_value(f"difference.{name}") == found[name]
    sentence = outputs.json["conclusion"]
    assert sentence in " ".join(outputs.screen.split())
    assert sentence in words
    assert sentence in outputs.html.text


def test_whether_the_search_paid(outputs: Outputs, capsys: pytest.CaptureFixture[str]) -> None:
    """One verdict, in one sentence, for every reader; its cost is that of the table."""
    found, study = outputs.json["verdict"], outputs.study
    assert (found["pairs"], found["planned"], found["metric"]) == (5, 5, "accuracy")
    cost = [outputs.json[arm]["cost"]["mean"] for arm in ("baseline", "optimized")]
    assert found["cost"]["images"] == pytest.approx(cost[1] / cost[0], abs=1e-3)
    assert f"for {found['cost']['images']:.2f} times the images" in found["words"]
    interval = f"{100 * outputs.json['difference']['low']:+.2f} to {100 * outputs.json['difference']['high']:+.2f}"
    assert interval in found["words"]
    assert main(["compare", str(study.study.directory)]) == 0
    for said in (outputs.screen, outputs.html.text, outputs.printed, capsys.readouterr().out):
        assert found["words"] in " ".join(said.split())
    assert found["short"] in _words(compare(study))
    assert finished_alert(study).message.endswith(found["words"])
    assert {row["name"]: row["value"] for row in outputs.tables["comparison"]}["verdict.words"] == found["words"]


def test_cost_and_what_the_test_set_leaves_open(outputs: Outputs) -> None:
    """Three numbers."""
    cost = outputs.json["optimized"]["cost"]["mean"]
    assert cost > 1.5
    assert f" {cost:.2f} " in next(row for row in outputs.screen.splitlines() if row.strip().startswith("optimized"))
    assert outputs.html.row("optimized", "grid")[5] == f"{cost:.2f}"
    costs = [float(row["cost"]) for row in outputs.tables["cost"] if row["arm"] == "optimized"]
    assert math.fsum(costs) / len(costs) == cost == outputs.table_value("optimized.cost.mean")
    sampling = outputs.json["sampling"]
    assert (sampling["how"], sampling["images"]) == ("paired images", 178)
    assert f"standard error {percent(sampling['one'])} points of one run" in outputs.screen
    assert f"{percent(sampling['difference'])} of the difference" in outputs.screen
    assert outputs.html.row("standard error that they leave of one run (points)")[1] == percent(sampling["one"])
    assert outputs.html.row("standard error that they leave of the difference (points)")[1] == percent(
        sampling["difference"]
    )
    assert outputs.table_value("sampling.difference") == sampling["difference"]


def test_the_auc(outputs: Outputs, capsys: pytest.CaptureFixture[str]) -> None:
    """Two numbers; on screen by `compare --metric auc`."""
    arms = [outputs.auc[arm]["measured"] for arm in ("baseline", "optimized")]
    texts = [f"{percent(arm['mean'])} ± {percent(arm['sd'])}" for arm in arms]
    assert outputs.html.row("AUC")[1:3] == texts
    assert main(["compare", str(outputs.study.study.directory), "--metric", "auc"]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in texts)
    curves = {row["run"]: float(row["auc"]) for row in outputs.tables["roc"]}
    assert [curves[f"optimized-{seed}"] for seed in range(5)] == arms[1]["values"]


def test_a_cell_of_a_heatmap(outputs: Outputs) -> None:
    """The best score of the last decision: in the log, on the heatmap, in the table, on the page."""
    run = next(run for run in outputs.study.runs if run.name == "optimized-2")
    scores = [
        event.score
        for event in RunReader(run.directory).read()
        if type(event).__name__ == "CandidateScored" and event.decision == 1
    ]
    best = min(score for score in scores if score is not None)
    grid = heatmap(run.decision(1))
    assert best == min(cell.value for row in grid.cells for cell in row if cell.value is not None)
    lines = heatmap_lines(grid, 80, 20, Palette())
    assert any(cell_number(grid, best) in line.text for line in lines)
    rows = [row for row in outputs.tables["heatmaps"] if (row["run"], row["decision"]) == ("optimized-2", "1")]
    assert min(float(row["value"]) for row in rows if row["measure"] == "score") == best
    decisions = [row for row in outputs.html.rows if row and row[0] == "2" and row[-1] == f"{best:.5g}"]
    assert len(decisions) == 1
    assert decisions[0][3] == "6"  # candidates


def test_a_value_of_a_trajectory(outputs: Outputs) -> None:
    run = next(run for run in outputs.study.runs if run.name == "optimized-1")
    point = trajectories(run.state)[0].points[-1]
    assert (point.epoch, point.value) == (2, run.state.values["lr"])
    (row,) = (
        row
        for row in outputs.tables["trajectories"]
        if (row["seed"], row["name"], row["arm"], row["epoch"]) == ("1", "lr", "optimized", "2")
    )
    assert float(row["value"]) == point.value
    assert outputs.html.row("optimized-1")[3].startswith(f"lr {point.value:.3g},")


def test_a_row_of_the_table_of_runs(outputs: Outputs) -> None:
    run = next(run for run in outputs.study.runs if run.name == "baseline-4")
    row = _row(run, Seen(run.state.time, run.notable_total, run.status, looked_at=False, epochs=2))
    value = outputs.json["baseline"]["test_accuracy"]["values"][4]
    assert row[3] == percent(value) == outputs.html.row("baseline-4")[6]
