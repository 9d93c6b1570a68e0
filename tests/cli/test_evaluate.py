"""`hptui evaluate`: an external data set by the rules of the study, every number checked against the answers."""

from __future__ import annotations

import csv
import errno
import json
import os
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hptui.__main__ import main
from hptui.cli.evaluate import _reading
from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.metrics.classification import metric
from hptui.metrics.groups import of_groups
from hptui.metrics.intervals import interval
from hptui.metrics.thresholds import choose_threshold
from hptui.record.predictions import Predictions, read_predictions
from hptui.training.trained_on import trained_on_notes

Captured = pytest.CaptureFixture[str]
OWN = textwrap.dedent(
    """
    import numpy as np
    from hptui.datasets import ImageDataset, Images

    print("own data")


    def drawn(count, seed, size=12):
        random = np.random.default_rng(seed)
        patients = np.arange(count) // 4
        labels = (random.random(count) < 0.4)[patients].astype(np.int64)
        pixels = random.normal(90, 35, (count, 1, size, size))
        pixels[labels == 1, :, 3:8, 3:8] += 60
        names = np.array([f"{seed}/{index}.png" for index in range(count)])
        groups = np.array([f"{seed}-{patient}" for patient in patients])
        return Images(pixels.clip(0, 255).astype(np.uint8), labels, groups, names)


    def data():
        return ImageDataset("own", ("healthy", "ill"), drawn(240, 1), drawn(80, 2), drawn(80, 3))


    def turned(images):
        return Images(images.pixels, 1 - images.labels, images.groups, images.names)


    def other():
        return ImageDataset("B", ("ill", "healthy"), turned(drawn(60, 4)), turned(drawn(40, 5)), turned(drawn(20, 6)))


    def sick():
        return ImageDataset("C", ("healthy", "sick"), drawn(60, 4), drawn(40, 5))


    def partly_own():
        one, more = drawn(240, 1).take(np.arange(60)), drawn(40, 9)
        both = [np.concatenate([getattr(one, what), getattr(more, what)]) for what in ("pixels", "labels")]
        names = np.array([f"{index}.png" for index in range(100)])
        return ImageDataset("F", ("healthy", "ill"), Images(*both, names=names), drawn(80, 2))


    def followed():
        later = drawn(60, 9)
        patients = Images(later.pixels, later.labels, drawn(60, 1).groups)
        return ImageDataset("G", ("healthy", "ill"), patients, drawn(80, 2))


    def larger():
        return ImageDataset("D", ("healthy", "ill"), drawn(60, 4, 14), drawn(40, 5, 14))
    """
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of one run, beside the file of its data."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "own.py").write_text(OWN)
    arguments = ["--dataset", f"{folder / 'own.py'}:data", "--model", "small_resnet", "--epochs", "3", "--runs", "1"]
    arguments += ["--strategy", "fixed", "--baseline", "none", "--threads", "1", "--device", "cpu"]
    assert main(["run", "--headless", *arguments, "--out", str(folder / "s")]) == 0
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


RUN = "s/optimized-0"


def asked(capsys: Captured, *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["evaluate", "--trust", RUN, *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def answers(path: Path) -> Predictions:
    """The answers as the table of a run has them."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([("healthy", "ill").index(row["true_class"]) for row in rows])
    shares = np.array([[float(row["p(healthy)"]), float(row["p(ill)"])] for row in rows], np.float32)
    groups, names = (np.array([row[column] for row in rows]) for column in ("group", "image"))
    return Predictions(labels, shares, groups, names)


def test_all_images_count_and_classes_are_found_by_name(here: Path, capsys: Captured) -> None:
    found = asked(capsys, "own.py:other", "--csv", "a.csv")
    one = answers(here / "a.csv")
    assert (len(one), found["per_image"]["count"], found["per_group"]["count"]) == (120, 120, 30)
    assert one.names is not None
    assert one.names[[0, 60, 80]].tolist() == ["4/0.png", "6/0.png", "5/0.png"]
    assert found["per_image"]["by_class"] == {"healthy": int((one.labels == 0).sum()), "ill": int(one.labels.sum())}
    assert metric("auc", one) > 0.9  # type: ignore[operator]  # the order of the names was another one
    for unit, expected in (("per_image", one), ("per_group", of_groups(one).predictions)):
        by_name = {row["name"]: row for row in found[unit]["metrics"]}
        for name in ("accuracy", "auc", "ppv", "average_precision", "brier", "calibration_error"):
            assert by_name[name]["value"] == pytest.approx(metric(name, expected))
            assert (by_name[name]["low"], by_name[name]["high"]) == pytest.approx(interval(name, expected), abs=1e-6)


def test_the_threshold_comes_from_the_runs_own_validation_images(here: Path, capsys: Captured) -> None:
    found = asked(capsys, "own.py:other", "--threshold-for", "sensitivity=0.9")
    validation = read_predictions(here / RUN, "final", "validation")
    assert validation is not None
    assert found["per_image"]["threshold"] == choose_threshold(validation, "sensitivity=0.9")
    groups = of_groups(validation).predictions
    assert found["per_group"]["threshold"] == choose_threshold(groups, "sensitivity=0.9")
    few = [note for note in found["notes"] if note.startswith("The threshold for sensitivity=0.9 rests on ")]
    ill = int((groups.labels == 1).sum())
    assert ill < 20 <= (validation.labels == 1).sum()
    assert few == [
        f"The threshold for sensitivity=0.9 rests on {ill} validation groups of ill: with fewer than 20 it may reach "
        "something else on others."
    ]


def test_at_a_prevalence_predictive_values_follow_bayes(here: Path, capsys: Captured) -> None:
    found = {row["name"]: row for row in asked(capsys, "own.py:other", "--prevalence", "0.02")["per_image"]["metrics"]}
    sensitivity, specificity = found["sensitivity"]["value"], found["specificity"]["value"]
    expected = 0.02 * sensitivity / (0.02 * sensitivity + 0.98 * (1 - specificity))
    assert found["ppv_at_prevalence"]["value"] == pytest.approx(expected)
    assert found["ppv_at_prevalence"]["low"] < expected <= found["ppv_at_prevalence"]["high"]
    assert found["ppv_at_prevalence"]["title"] == "PPV at a prevalence of 2 %"


def test_recalibration_is_fitted_on_validation_images_and_ranks_alike(here: Path, capsys: Captured) -> None:
    plain, after = (asked(capsys, "own.py:other", *flags) for flags in ((), ("--calibrate",)))
    assert after["calibration"]["images"] == 80
    assert after["calibration"]["shifts"][0] == 0.0
    values = [{row["name"]: row["value"] for row in found["per_image"]["metrics"]} for found in (plain, after)]
    assert values[0]["auc"] == pytest.approx(values[1]["auc"], abs=1e-3)
    assert values[0]["brier"] != values[1]["brier"]


def test_a_recalibration_on_few_images_of_a_class_is_told(here: Path, capsys: Captured, monkeypatch: Any) -> None:
    validation = read_predictions(Path(RUN), "final", "validation")
    assert validation is not None
    ill = int(validation.labels.sum())
    for fewest in (ill + 1, 1):
        monkeypatch.setattr("hptui.reading.evaluation.FEW_TO_CALIBRATE", fewest)
        told = "\n".join(asked(capsys, "own.py:other", "--calibrate")["notes"])
        assert (f"few validation images ({ill} of ill)" in told) == (fewest > ill)


def test_the_images_that_are_most_wrong_are_named_the_surest_first(here: Path, capsys: Captured) -> None:
    found = asked(capsys, "own.py:other", "--csv", "a.csv")["most_wrong"]
    one = answers(here / "a.csv")
    wrong = np.flatnonzero(one.probabilities.argmax(1) != one.labels)
    sure = one.probabilities.max(1)
    assert one.names is not None
    order = sorted(wrong.tolist(), key=lambda index: -sure[index])[:24]
    assert [row["name"] for row in found] == [str(one.names[index]) for index in order]
    assert all(row["true"] != row["predicted"] for row in found)
    assert all(row["probability"] >= 0.5 >= row["probability_of_true"] for row in found)


def test_pictures_are_drawn(here: Path, capsys: Captured) -> None:
    assert main(["evaluate", "--trust", RUN, "own.py:other", "--plot", "plots"]) == 0
    said = capsys.readouterr()
    assert {path.name for path in (here / "plots").iterdir()} >= {"roc.png", "reliability.png", "decision-curve.png"}
    for path in (here / "plots").iterdir():
        assert path.name in said.err
        with Image.open(path) as picture:
            assert min(picture.size) > 500
    assert "per group % (n = 30)" in said.out
    assert "Intervals: 95 %, over groups, which are resampled." in " ".join(said.out.split())
    assert "own data" not in said.out


def test_images_that_the_run_was_trained_on_are_told(here: Path, capsys: Captured) -> None:
    """As another split of the same public set has them; the run's own test images are no such."""
    first = asked(capsys, "own.py:partly_own")["notes"][0]
    assert first.startswith(
        "60 of 180 images (such as '0.png') equal images that this run was trained on, or chosen by"
    )
    assert not any("trained on, or" in note for note in asked(capsys, "own.py:other")["notes"])
    (line,) = [note for note in asked(capsys, "own.py:followed")["notes"] if "trained on, or" in note]
    assert line.startswith("15 of 35 groups (such as '1-0') are called as groups that this run was trained on")


def test_where_the_runs_own_images_have_gone_it_is_told() -> None:
    images = Images(np.zeros((4, 1, 8, 8), np.uint8), np.arange(4) % 2)
    config = resolve([Layer("test", {"dataset": "folder:gone"})]).config
    (said,) = trained_on_notes(ImageDataset("x", ("a", "b"), images, None), config, "")
    assert said.startswith("whether this run was trained on some of these images is not known: folder:gone")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("own.py:other --group-pattern (x) --group-column y", "group_pattern and a column both name the groups"),
        ("own.py:sick", "has a class 'sick', which this run does not know. Known: healthy, ill."),
        ("own.py:data", "holds the images that this run was trained on"),
        ("own.py:larger", "has images of 14 x 14 and does not resize; the network takes 12 pixels."),
        ("nothing", "unknown dataset 'nothing'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(here: Path, capsys: Captured, data: str, told: str) -> None:
    capsys.readouterr()
    assert main(["evaluate", "--trust", RUN, *data.split()]) == 2
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hptui:")]
    assert told in said


def test_colour_files_of_a_folder_are_made_grey_and_sized_as_the_network_takes_them(
    here: Path, capsys: Captured
) -> None:
    random = np.random.default_rng(0)
    for name in ("ill", "healthy"):
        (here / "folder" / name).mkdir(parents=True)
        for index in range(10):
            pixels = random.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(here / "folder" / name / f"{index}.png")
    found = asked(capsys, "folder:folder")
    assert found["per_image"]["by_class"] == {"healthy": 10, "ill": 10}
    assert any(note.startswith("20 of 20 image files are in colour, and the network") for note in found["notes"])


def test_its_own_images_are_known_again_however_they_were_split(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where equal images may be in two splits, those for validation are drawn without a look at which are equal."""
    monkeypatch.chdir(tmp_path)
    doubled = """
    def data():
        once = drawn(60, 7)
        twice = Images(np.concatenate([once.pixels] * 2), np.concatenate([once.labels] * 2))
        return ImageDataset("E", ("healthy", "ill"), twice, drawn(40, 8))
    """
    (tmp_path / "own.py").write_text(OWN.partition("def data():")[0] + textwrap.dedent(doubled))
    arguments = ["--dataset", "own.py:data", "--allow-overlap", "--model", "small_resnet", "--epochs", "1"]
    arguments += ["--runs", "1", "--strategy", "fixed", "--baseline", "none", "--threads", "1", "--device", "cpu"]
    assert main(["run", "--headless", *arguments, "--out", "s"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--trust", RUN, "own.py:data"]) == 2
    assert "holds the images that this run was trained on" in capsys.readouterr().err


@pytest.mark.parametrize(("data", "allowed"), [(None, True), ("known", False)])
def test_images_are_read_as_an_older_study_read_its_own(data: object, allowed: bool) -> None:
    """Its splits were drawn without a look at equal images, which no setting of it says."""
    study: Any = SimpleNamespace(config=resolve([]).config, data=data)
    assert _reading(study, "digits", {}).allow_overlap is allowed


def test_a_table_that_something_else_wrote_is_not_replaced(here: Path, capsys: Captured) -> None:
    """Labels, or the first of the images that a shell makes of `--out *.png`."""
    labels, image = here / "labels.csv", here / "first.png"
    labels.write_text("file,labels\n0.png,ill\n")
    Image.new("L", (8, 8)).save(image)
    for command in (
        ["evaluate", "--trust", RUN, "own.py:other", "--csv"],
        ["predict", "--trust", RUN, "x.png", "--out"],
    ):
        for path in (labels, image):
            before = path.read_bytes()
            assert main([*command, str(path)]) == 2
            assert "is there, and was not written by this command" in capsys.readouterr().err
            assert path.read_bytes() == before
    answered = here / "answers.csv"
    for _ in range(2):
        assert main(["evaluate", "--trust", RUN, "own.py:other", "--csv", str(answered)]) == 0
    assert answered.read_text().startswith("image,")


def test_a_table_that_cannot_be_written_is_named_and_hides_no_result(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("hptui.cli.overwriting.replace_file", full)
    assert main(["evaluate", "--trust", RUN, "own.py:other", "--csv", str(here / "answers.csv")]) == 2
    shown = capsys.readouterr()
    assert f"hptui: no space left on device: {here / 'answers.csv'}; " in shown.err
    assert " accuracy " in shown.out
    image = here / "image.png"
    Image.new("L", (12, 12)).save(image)
    assert main(["predict", "--trust", RUN, str(image), "--out", str(here / "classes.csv")]) == 2
    assert f"no space left on device: {here / 'classes.csv'}; " in capsys.readouterr().err
