"""Tables as CSV, read back: names and numbers as in the log, nothing rounded, nothing lost."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import msgspec
from adaptive_log import DECAYS, LEVELS, SURVEY_REASON, adaptive_run
from fabricate import (
    AXIS,
    candidate_scored,
    chosen,
    decision_started,
    finished_study,
    make_study,
    run_started,
    two_class_study,
    values,
    whole_run,
    write_run,
)

from hptui.export import export
from hptui.reading.comparison import compare
from hptui.reading.outcomes import confusions, roc_curves, trajectories_by_seed
from hptui.reading.studies import follow
from hptui.reading.views.curves import learning_curve
from hptui.reading.views.heatmap import heatmap
from hptui.record.class_counts import ClassCounts
from hptui.record.events import LandscapePredicted
from hptui.record.study_directory import Study


def exported(study: Study, to: Path) -> dict[str, list[dict[str, str]]]:
    """Every table of the study, by its name."""
    found = {}
    for file in export(follow(study.directory), to, ("csv",)):
        with file.open(encoding="utf-8", newline="") as text:
            found[file.stem] = list(csv.DictReader(text, strict=True))
    return found


def number(text: str) -> float | None:
    return float(text) if text else None


def test_every_epoch_and_evaluation_is_a_row(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.1 + 0.2], [0.7])
    rows = exported(study, tmp_path / "out")["epochs"]
    assert len(rows) == 2 * 2 * 4  # runs, epochs, training and three evaluations
    first = [row for row in rows if row["run"] == "baseline-0" and row["epoch"] == "1"]
    assert [(row["split"], row["weights"], row["delivered"]) for row in first] == [
        ("training", "", ""), ("validation", "last", "false"), ("validation", "averaged", "true"),
        ("test", "averaged", "true"),
    ]  # fmt: skip
    training, *_, test = first
    assert (training["loss"], training["accuracy"], training["images_trained"]) == ("0.6", "", "100")
    assert test["accuracy"] == "0.30000000000000004"  # all digits
    assert (test["lr"], test["momentum"], test["seed"], test["arm"]) == ("0.01", "0.9", "0", "baseline")
    state = follow(study.directory).runs[0].state
    assert state.epochs[0].test is not None
    assert float(test["sensitivity"]) == (0.9 + 0.8 + 0.8) / 3


def test_every_candidate_is_a_row_with_its_marks(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=2)
    scored = [
        candidate_scored(0, 0, 0.001, score=1 / 3, loss=1 / 3),
        candidate_scored(0, 1, 0.01, score=None, loss=None, diverged=True),
        candidate_scored(0, 2, 0.1, classes=ClassCounts(support=[4, 8], predicted=[5, 7], hits=[3, 6])),
    ]
    events: list[Any] = [run_started(), decision_started(0, 1), *scored, chosen(0, 1, 0.001, candidate=0)]
    events += [decision_started(1, 2), candidate_scored(1, 0)]
    write_run(study, "optimized", 0, events)
    rows = exported(study, tmp_path / "out")["candidates"]
    assert [(row["decision"], row["epoch"], row["candidate"]) for row in rows] == [
        ("0", "1", "0"), ("0", "1", "1"), ("0", "1", "2"), ("1", "2", "0"),
    ]  # fmt: skip
    assert [row["chosen"] for row in rows] == ["true", "false", "false", ""]
    assert [row["diverged"] for row in rows] == ["false", "true", "false", "false"]
    assert [row["score"] for row in rows] == [repr(1 / 3), "", "1.0", "1.0"]
    assert (rows[2]["sensitivity"], rows[2]["specificity"]) == ("0.75", "0.75")
    assert [float(row["lr"]) for row in rows] == [0.001, 0.01, 0.1, 0.001]
    assert rows[0]["images"] == "20"
    assert rows[0]["run"] == "optimized-0"


def test_the_tables_of_figures_are_their_views(tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "study")
    found = exported(study, tmp_path / "out")
    followed = follow(study.directory)
    run = next(run for run in followed.runs if run.name == "optimized-1")
    grid = heatmap(run.decision(1))
    cells = [row for row in found["heatmaps"] if (row["run"], row["decision"]) == ("optimized-1", "1")]
    assert [number(row["value"]) for row in cells] == [cell.value for line in grid.cells for cell in line]
    assert [row["chosen"] for row in cells] == ["false", "true", "false"]
    states = [run.state for run in followed.runs if run.arm == "baseline"]
    points = learning_curve(states, "specificity", "test")
    which = ("baseline", "test", "specificity")
    rows = [row for row in found["learning-curves"] if (row["arm"], row["split"], row["measure"]) == which]
    assert [float(row["mean"]) for row in rows] == [point.mean for point in points]
    curves, _ = roc_curves(followed)
    assert {(row["run"], float(row["auc"])) for row in found["roc"]} == {(curve.run, curve.auc) for curve in curves}
    assert found["roc"][0]["threshold"] == ""  # infinite: nothing is called positive
    assert len(found["roc"]) == sum(len(curve.thresholds) for curve in curves)
    shares = [share for matrix in confusions(followed) for row in matrix.shares for share in row]
    assert [number(row["share"]) for row in found["confusion"]] == shares
    (_, (trajectory,)), _ = trajectories_by_seed(followed)
    rows = [row for row in found["trajectories"] if (row["seed"], row["arm"]) == ("0", "optimized")]
    assert [float(row["value"]) for row in rows] == [point.value for point in trajectory.points]
    assert [float(row["in_force"]) for row in rows] == [point.value for point in trajectory.in_force]
    assert (rows[0]["low"], rows[0]["high"]) == (str(AXIS.low), str(AXIS.high))


def test_the_comparison_is_written_under_the_names_of_its_json(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80, 0.82, 0.81], [0.84, 0.83, 0.86])
    found = exported(study, tmp_path / "out")
    rows = {row["name"]: row["value"] for row in found["comparison"]}
    plain = msgspec.to_builtins(compare(follow(study.directory)))
    assert float(rows["difference.low"]) == plain["difference"]["low"]
    assert float(rows["optimized.test_accuracy.values.2"]) == 0.86
    assert rows["conclusion"] == plain["conclusion"]
    assert [float(row["test_accuracy"]) for row in found["accuracies"]] == [0.80, 0.82, 0.81, 0.84, 0.83, 0.86]
    assert [row["cost"] for row in found["cost"]] == ["1.6"] * 6


def test_predicted_cells_and_what_is_not_known_yet(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    guess = LandscapePredicted(decision=0, scores=[0.5, None, 0.25])
    write_run(study, "optimized", 0, [run_started(), decision_started(), candidate_scored(), guess])
    found = exported(study, tmp_path / "out")
    rows = found["heatmaps"]
    assert [(row["value"], row["predicted"]) for row in rows] == [("1.0", ""), ("", ""), ("", "0.25")]
    assert found.keys() == {"candidates", "heatmaps", "trajectories"}


def test_names_with_commas_quotes_and_line_ends_survive(tmp_path: Path) -> None:
    names = ['a,"b"', "line\r\nend"]
    study = two_class_study(tmp_path / "study", runs=1, class_names=names)
    files = export(follow(study.directory), tmp_path / "out", ("csv",))
    content = next(file for file in files if file.stem == "confusion").read_bytes()
    assert content.startswith(b"arm,n,true_class,predicted_class,images,share\r\n")
    assert b'"a,""b"""' in content
    rows = exported(study, tmp_path / "again")["confusion"]
    assert {row["true_class"] for row in rows} == set(names)


def test_many_decisions_are_all_written_though_few_are_kept_in_memory(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=12, baseline="none")
    write_run(study, "optimized", 0, whole_run(epochs=12))
    found = exported(study, tmp_path / "out")
    assert len(found["candidates"]) == 12 * len(AXIS.values)
    assert math.prod(float(row["lr"]) for row in found["candidates"][:3]) == 0.001 * 0.01 * 0.1
    assert set(values()) <= found["candidates"][0].keys()


def test_what_adaptive_measured_has_the_values_it_was_measured_with(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3, baseline="none")
    write_run(study, "optimized", 0, adaptive_run())
    found = exported(study, tmp_path / "out")
    measured = [row for row in found["heatmaps"] if row["value"]]
    screened = [row for row in measured if (row["decision"], row["round"]) == ("1", "1")]
    assert {(row["y_name"], float(row["y"]), row["x_name"], float(row["x"])) for row in screened} == {
        ("dropout", dropout, "weight_decay", decay)
        for dropout, decay in [(0.0, 1e-6), *((level, 1e-6) for level in LEVELS), *((0.0, decay) for decay in DECAYS)]
    }
    rounds = {(row["decision"], row["round"]): float(row["probe_epochs"]) for row in found["heatmaps"]}
    assert rounds == {("0", "1"): 0.2, ("0", "2"): 0.6, ("1", "1"): 0.8, ("1", "2"): 1.6}
    (survey,) = [row for row in measured if row["decision"] == "0" and row["chosen"] == "true"]
    assert (survey["x"], survey["value"], survey["round"], survey["reason"]) == ("0.01", "0.34", "2", SURVEY_REASON)
    assert [row["value"] for row in measured if row["passed_over"] == "true"] == ["0.33"]
    candidates = [(row["decision"], row["round"], row["probe_epochs"]) for row in found["candidates"]]
    assert candidates[:5] == [("0", "1", "0.2")] * 3 + [("0", "2", "0.6")] * 2


def test_candidates_that_were_left_out_are_told(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    cells = [candidate_scored(candidate=n, lr=rate, score=0.5 + n) for n, rate in enumerate(AXIS.values)]
    write_run(study, "optimized", 0, [run_started(), decision_started(), *cells, chosen(candidate=1, excluded=[0])])
    found = exported(study, tmp_path / "out")
    assert [row["excluded"] for row in found["candidates"]] == ["true", "false", "false"]
    assert [row["passed_over"] for row in found["heatmaps"]] == ["true", "false", "false"]
