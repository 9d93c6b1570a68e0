"""Training on images that may have several labels: losses, weights, evaluation, and one study from end to end."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hptui.__main__ import main
from hptui.datasets import ImageDataset, Images
from hptui.errors import ConfigError
from hptui.hyperparameters import Batch, default_values
from hptui.losses import Loss
from hptui.losses.binary_cross_entropy import BinaryCrossEntropy
from hptui.losses.cross_entropy import CrossEntropy
from hptui.losses.focal import Focal
from hptui.metrics.classification import accuracy, counts_of, metric
from hptui.models.lenet import LeNet
from hptui.reading.studies import follow
from hptui.record.events import CandidateScored, Evaluated, RunStarted
from hptui.record.predictions import read_predictions
from hptui.report import pictures
from hptui.training import train
from hptui.training.engine.device_data import balanced, to_device
from hptui.training.engine.evaluation import evaluate
from hptui.training.engine.labelling import labelling_of
from hptui.training.engine.outputs import OutputAdapter

Captured = pytest.CaptureFixture[str]
NAMES = ("edema", "mass", "hernia")
CPU = torch.device("cpu")


def drawn(images: int, seed: int) -> Images:
    """Each label is a brighter square of its own."""
    random = np.random.default_rng(seed)
    labels = (random.random((images, 3)) < (0.5, 0.4, 0.25)).astype(np.int64)
    pixels = random.normal(90, 15, (images, 1, 28, 28))
    for index, row in enumerate((2, 11, 20)):
        pixels[labels[:, index] == 1, :, row : row + 6, row : row + 6] += 70
    return Images(pixels.clip(0, 255).astype(np.uint8), labels)


def data(images: int = 64) -> ImageDataset:
    return ImageDataset("chest", NAMES, drawn(images, 0), drawn(32, 1), drawn(32, 2))


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)


LABELS = torch.tensor(drawn(8, 5).labels)


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()])
def test_the_cross_entropy_is_that_of_each_label(loss: Loss, logits: torch.Tensor) -> None:
    found = loss.of_labels(logits, LABELS, None, default_values())
    assert torch.allclose(found, F.binary_cross_entropy_with_logits(logits, LABELS.float()))
    smoothed = loss.of_labels(logits, LABELS, None, default_values() | {"label_smoothing": 0.2})
    assert torch.allclose(smoothed, F.binary_cross_entropy_with_logits(logits, LABELS * 0.8 + 0.1))


def test_focal_loss_is_that_of_two_classes_for_each_label(logits: torch.Tensor) -> None:
    values = default_values() | {"focal_gamma": 2.0}
    found = Focal().of_labels(logits, LABELS, None, values)
    as_classes = torch.stack((torch.zeros_like(logits), logits), 2).flatten(0, 1)
    assert torch.allclose(found, Focal()(as_classes, LABELS.flatten(), None, values), atol=1e-6)
    plain = Focal().of_labels(logits, LABELS, None, values | {"focal_gamma": 0.0})
    assert torch.allclose(plain, F.binary_cross_entropy_with_logits(logits, LABELS.float()), atol=1e-6)


def test_balanced_weights_are_those_of_torch_scaled_to_a_mean_of_one(logits: torch.Tensor) -> None:
    dataset = data()
    by_label = torch.tensor(balanced(dataset))
    count = torch.tensor(dataset.train.labels).sum(0)
    assert torch.allclose(by_label[:, 1] / by_label[:, 0], (64 - count) / count)
    labelling, labels = labelling_of("multi-label"), torch.tensor(dataset.train.labels)
    assert torch.allclose(labelling.weights(labels, by_label).mean(0), torch.ones(3))
    weights = labelling.weights(LABELS, by_label)
    torchs = F.binary_cross_entropy_with_logits(
        logits, LABELS.float(), weight=by_label[:, 0], pos_weight=by_label[:, 1] / by_label[:, 0], reduction="none"
    )
    found = CrossEntropy().of_labels(logits, LABELS, weights, default_values())
    assert torch.allclose(found, torchs.sum() / weights.sum())


def test_a_label_that_no_training_image_has_cannot_be_weighed() -> None:
    dataset = data()
    dataset.train.labels[:, 1] = 0
    with pytest.raises(ConfigError, match="training images of chest are not both with and without label 'mass'"):
        balanced(dataset)


def test_mixed_images_have_the_labels_of_both_by_their_share(logits: torch.Tensor) -> None:
    partner, share = torch.arange(8).flip(0), torch.linspace(0, 1, 8)
    batch = Batch(torch.zeros(8, 1, 2, 2), LABELS).mixed(torch.zeros(8, 1, 2, 2), partner, share)
    assert (batch.labels.shape, batch.shares.shape) == ((8, 2, 3), (8, 2))  # type: ignore[union-attr]
    both = logits.unsqueeze(1).expand(-1, 2, -1).flatten(0, 1)
    weights = labelling_of("multi-label").shared(batch.shares, batch.labels).flatten(0, 1)  # type: ignore[arg-type]
    found = CrossEntropy().of_labels(both, batch.labels.flatten(0, 1), weights, default_values())
    soft = LABELS * share[:, None] + LABELS[partner] * (1 - share[:, None])
    assert torch.allclose(found, F.binary_cross_entropy_with_logits(logits, soft))


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_an_evaluation_agrees_with_its_slow_twin(weights: str) -> None:
    torch.manual_seed(0)
    device_data, test = to_device(data(), "", CPU, weights)
    assert (device_data.task, device_data.guessing) == ("multi-label", pytest.approx(np.log(2)))
    network = LeNet(1, 3, (28, 28))
    found = evaluate(network, device_data, test, with_predictions=True, class_weighted=True)
    network.eval()
    with torch.no_grad():
        answers = network(device_data.normalise(test.pixels))
    losses = F.binary_cross_entropy_with_logits(answers, test.labels.float(), reduction="none")
    if weights == "balanced":
        losses = losses * device_data.image_weights(test.labels)
    assert found.losses.tolist() == pytest.approx(losses.mean(1).tolist(), abs=1e-6)
    assert found.predictions is not None
    assert found.predictions.probabilities.tolist() == [pytest.approx(row) for row in answers.sigmoid().tolist()]
    assert found.class_counts == counts_of(found.predictions)
    assert found.accuracy == pytest.approx(((answers > 0).long() == test.labels).float().mean().item())


def test_two_labels_need_two_logits() -> None:
    one_logit = torch.zeros(4, 1)
    assert OutputAdapter("m", "d", ("a", "b")).pick(one_logit, 4) is one_logit
    with pytest.raises(Exception, match=r"d has 2 labels, one logit each, so it has to be \(4, 2\)"):
        OutputAdapter("m", "d", ("a", "b"), "multi-label").pick(one_logit, 4)


class OnlyClasses(Loss):
    def __call__(self, logits, labels, weights, values):  # type: ignore[no-untyped-def]
        return logits.sum()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"loss": "ordinal"},
            "loss 'ordinal' is for one class per image; in chest an image may have several labels: take "
            "binary_cross_entropy, cross_entropy, focal.",
        ),
        ({"loss": f"{__file__}:OnlyClasses"}, "is for one class per image"),
        ({"score": "quadratic_kappa"}, "quadratic_kappa is no metric of several labels per image"),
    ],
)
def test_what_cannot_do_several_labels_is_refused_before_training(settings: dict, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train(dataset=data(), model="lenet", strategy="grid", epochs=1, device="cpu", **settings)
    assert reason in str(caught.value)


def test_exact_match_is_no_score_of_classes() -> None:
    images = drawn(40, 0)
    classes = ImageDataset("two", ("a", "b"), *(Images(images.pixels, images.labels[:, 0]) for _ in range(2)))
    with pytest.raises(ConfigError, match="exact_match is no metric of one class per image"):
        train(dataset=classes, model="lenet", strategy="grid", epochs=1, score="exact_match", allow_overlap=True)


def test_a_search_by_the_mean_auc() -> None:
    result = train(
        dataset=data(), model="lenet", strategy="grid", epochs=1, threads=1, score="auc", class_weights="balanced",
        search={"lr": "1e-3:1e-2:log:2"}, set={"batch_size": 16, "mixup": 0.2, "label_smoothing": 0.1},
    )  # fmt: skip
    started = next(event for event in result.events if isinstance(event, RunStarted))
    tested = [event for event in result.events if isinstance(event, Evaluated) and event.split == "test"][-1]
    candidates = [event for event in result.events if isinstance(event, CandidateScored)]
    assert (started.task, started.class_names) == ("multi-label", list(NAMES))
    test = result.predictions["final", "test"]
    assert test.task == "multi-label"
    assert tested.by_label == counts_of(test)
    assert tested.confusion == []
    assert result.test_accuracy == tested.accuracy == pytest.approx(accuracy(counts_of(test)))
    assert len(candidates) == 2
    assert all(one.classes.images == 32 and one.score is not None for one in candidates)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of a pair of runs, trained on an archive that is beside it."""
    folder = tmp_path_factory.mktemp("labels")
    for name, seed in (("chest.npz", 0), ("other.npz", 7)):
        parts = {"train": drawn(64, seed), "val": drawn(24, seed + 1), "test": drawn(32, seed + 2)}
        arrays = {f"{split}_images": part.pixels[:, 0] for split, part in parts.items()}
        np.savez(folder / name, **arrays, **{f"{split}_labels": part.labels for split, part in parts.items()})
    arguments = ["--dataset", f"medmnist:{folder / 'chest.npz'}", "--model", "lenet", "--epochs", "2", "--runs", "1"]
    arguments += ["--strategy", "grid", "--search", "lr=1e-3:1e-2:log:2", "--set", "batch_size=8", "--threads", "1"]
    assert main(["run", "--headless", *arguments, "--device", "cpu", "--out", str(folder / "s")]) == 0
    return folder


def said(capsys: Captured, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_a_comparison_is_of_the_mean_auc(study: Path, capsys: Captured) -> None:
    text = said(capsys, "compare", str(study / "s"), "--per-class")
    assert "label-wise" in text
    assert "difference in mean AUC (optimized - baseline, points)" in text
    plain = json.loads(said(capsys, "compare", str(study / "s"), "--per-class", "--json"))
    saved = read_predictions(study / "s" / "optimized-0")
    assert saved is not None
    assert (plain["metric"], plain["task"]) == ("auc", "multi-label")
    assert plain["optimized"]["measured"]["values"] == [pytest.approx(metric("auc", saved))]
    assert plain["optimized"]["test_accuracy"]["values"] == [pytest.approx(metric("accuracy", saved))]
    (rows,) = plain["classes"].values()
    assert [(row["arm"], row["name"]) for row in rows][:3] == [("baseline", name) for name in "012"]
    assert rows[3]["support"] == int(saved.labels[:, 0].sum())


def test_a_prediction_has_a_column_for_each_label(study: Path, capsys: Captured) -> None:
    run = str(study / "s" / "optimized-0")
    rows = list(csv.DictReader(io.StringIO(said(capsys, "predict", run, str(study / "chest.npz")))))
    saved = read_predictions(study / "s" / "optimized-0")
    assert saved is not None
    test = [row for row in rows if ":test_images" in row["file"]]
    assert list(rows[0]) == ["file", "labels", "p(0)", "p(1)", "p(2)"]
    for row, shares in zip(test, saved.probabilities, strict=True):
        assert [float(row[f"p({name})"]) for name in "012"] == pytest.approx(shares.tolist(), abs=1e-5)
        assert row["labels"] == "|".join(name for name, share in zip("012", shares, strict=True) if share > 0.5)


def test_an_external_set_is_measured_label_by_label(study: Path, capsys: Captured) -> None:
    run, table = str(study / "s" / "optimized-0"), study / "answers.csv"
    other = f"medmnist:{study / 'other.npz'}"
    found = json.loads(said(capsys, "evaluate", run, other, "--json", "--csv", str(table), "--plot", str(study / "p")))
    names = {one["name"] for one in found["per_image"]["metrics"]}
    assert found["task"] == "multi-label"
    assert "exact_match" in names
    assert "quadratic_kappa" not in names
    assert [one["name"] for one in found["by_label"]] == ["0", "1", "2"]
    assert found["per_image"]["count"] == 120
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0])[:3] == ["image", "true_labels", "predicted_labels"]
    assert {path.name for path in (study / "p").iterdir()} == {"roc.png", "most-wrong.png"}
    assert "label-wise accuracy" in said(capsys, "evaluate", run, other)
    for flags, reason in (
        (["--prevalence", "0.1"], "several labels per image"),
        (["--calibrate"], "only classes can be"),
    ):
        assert main(["evaluate", run, other, *flags]) == 2
        assert reason in capsys.readouterr().err


def test_classes_are_no_labels_of_an_external_set(study: Path, capsys: Captured) -> None:
    archive = dict(np.load(study / "other.npz"))
    for name in ("train_labels", "val_labels", "test_labels"):
        archive[name] = archive[name][:, :1]
    np.savez(study / "classes.npz", **archive)
    assert main(["evaluate", str(study / "s" / "optimized-0"), f"medmnist:{study / 'classes.npz'}"]) != 0
    assert "this run was trained on several labels per image" in capsys.readouterr().err


def test_tables_and_pages_have_each_label(study: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    said(capsys, "export", str(study / "s"), "--format", "csv,png", "--to", str(study / "x"))
    with (study / "x" / "confusion.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "baseline"]
    assert [(row["true_class"], row["predicted_class"]) for row in rows[:4]] == [
        ("not 0", "not 0"), ("not 0", "0"), ("0", "not 0"), ("0", "0"),
    ]  # fmt: skip
    assert sum(float(row["images"]) for row in rows) == 3 * 32
    with (study / "x" / "roc.csv").open(newline="") as file:
        assert {row["positive"] for row in csv.DictReader(file)} == {"0", "1", "2"}
    assert (study / "x" / "roc.png").stat().st_size > 1000
    assert not (study / "x" / "confusion.png").exists()
    monkeypatch.setattr(pictures, "data_of", lambda picture: "data:image/svg+xml;base64,")  # its words are read
    said(capsys, "report", str(study / "s"), "--to", str(study / "r.html"))
    page = (study / "r.html").read_text()
    for words in ("label-wise accuracy", "With and without every label", "Images with each label", "exact match"):
        assert words in page


def test_groups_have_no_labels_of_their_own(capsys: Captured, tmp_path: Path) -> None:
    """Intervals resample them; no number is of a group."""
    (tmp_path / "grouped.py").write_text(
        "import numpy as np\n"
        "from hptui.datasets import ImageDataset, Images\n"
        "def drawn(count, seed):\n"
        "    random = np.random.default_rng(seed)\n"
        "    labels = (random.random((count, 2)) < 0.4).astype(int)\n"
        "    pixels = random.integers(0, 256, (count, 1, 8, 8)).astype(np.uint8)\n"
        "    return Images(pixels, labels, np.array([f'{seed}-{i // 3}' for i in range(count)]))\n"
        "def data():\n"
        "    return ImageDataset('own', ('a', 'b'), drawn(48, 0), drawn(30, 1), drawn(30, 2))\n"
        "def other():\n"
        "    return ImageDataset('other', ('b', 'a'), drawn(48, 5), drawn(30, 6), drawn(30, 7))\n"
    )
    own = f"{tmp_path / 'grouped.py'}"
    arguments = ["--dataset", f"{own}:data", "--model", "small_resnet", "--epochs", "1", "--runs", "1"]
    arguments += ["--strategy", "fixed", "--baseline", "none", "--threads", "1", "--device", "cpu"]
    assert main(["run", "--headless", *arguments, "--out", str(tmp_path / "s")]) == 0
    assert main(["compare", str(tmp_path / "s"), "--per-group"]) != 0
    assert "an image may have several labels, and those of a group differ" in capsys.readouterr().err
    assert "30 images of 10 groups, which are resampled" in said(capsys, "compare", str(tmp_path / "s"))
    run = str(tmp_path / "s" / "optimized-0")
    found = json.loads(said(capsys, "evaluate", "--trust", run, f"{own}:other", "--json"))
    assert (found["per_group"], found["groups"]) == (None, 36)
    assert [one["name"] for one in found["by_label"]] == ["a", "b"]
    assert "no number is per group" in " ".join(found["notes"])


def test_a_damaged_table_of_answers_is_told_not_guessed(study: Path, capsys: Captured) -> None:
    """Counts of labels do not tell which of them an image has together."""
    followed = follow(study / "s")
    assert followed.task == "multi-label"
    kept = (study / "s" / "baseline-0" / "predictions.npz").read_bytes()
    (study / "s" / "baseline-0" / "predictions.npz").unlink()
    try:
        assert main(["compare", str(study / "s"), "--metric", "accuracy"]) != 0
        assert "no predictions were saved by this run" in capsys.readouterr().err
    finally:
        (study / "s" / "baseline-0" / "predictions.npz").write_bytes(kept)
