"""The commands replay and predict on a trained study with an own data set and an own model."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fabricate import edit_study
from PIL import Image

from hptui.__main__ import main
from hptui.config import Layer, resolve
from hptui.metrics.classification import metric
from hptui.metrics.thresholds import choose_threshold
from hptui.record.events import RunFailed, encode
from hptui.record.own_code import remember_trained
from hptui.record.predictions import PREDICTIONS_FILE, read_predictions
from hptui.record.study_directory import open_study
from hptui.training.run.control import Control
from hptui.training.study import start_study, train_study

from .test_exactness import StopAfter

Captured = pytest.CaptureFixture[str]
OWN = '''
import numpy as np
import torch
from hptui.datasets import ImageDataset, Images

def images(count, seed):
    """Grey, 10 high and 14 wide; the ill have a bright corner, more or less."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(np.int64)
    pixels = random.integers(0, 150, (count, 1, 10, 14), dtype=np.uint8)
    pixels[labels == 1, 0, :4, :4] += random.integers(0, 100, (labels.sum(), 1, 1), dtype=np.uint8)
    return Images(pixels, labels)

def data():
    return ImageDataset("corners", ("healthy", "ill, maybe"), images(150, 0), images(60, 1), images(90, 2))

class Net(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(140)
        self.output = torch.nn.Linear(140, num_classes)

    def forward(self, x):
        return self.output(self.norm(x.flatten(1)))
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A completed study of one run in a folder that was copied to another place than it was trained in."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "own.py").write_text(OWN, "utf-8")
    settings = {
        "dataset": f"{folder}/own.py:data", "model": f"{folder}/own.py:Net", "epochs": 4, "runs": 1, "baseline": "none",
        "strategy": "pbt", "search": {"lr": "1e-3:1e-1:log:3"}, "set": {"batch_size": 30}, "threads": 1,
        "device": "cpu", "optimizer": "adam", "class_weights": "balanced",
    }  # fmt: skip
    assert train_study(
        start_study(resolve([Layer("test", {"strategy": "grid"} | settings)]).config, folder / "study"), Control()
    )
    return folder / "study"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Its code is known to this user, who has another home in every test."""
    remember_trained(open_study(trained))
    return shutil.copytree(trained, tmp_path / "copy") / "optimized-0"


@pytest.fixture(scope="module")
def test_pixels() -> np.ndarray:
    """(60, 10, 14), the test images that the run has predictions of."""
    names: dict = {}
    exec(OWN, names)  # the file is not importable from here, and its text is ours
    return names["data"]().test.pixels[:, 0]


def out_of(capsys: Captured, *arguments: object, code: int = 0) -> tuple[str, str]:
    assert main([str(argument) for argument in arguments]) == code, capsys.readouterr().err
    captured = capsys.readouterr()
    return captured.out, captured.err


def rows_of(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def shares(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([[row["p(healthy)"], row["p(ill, maybe)"]] for row in rows], np.float32)


def test_replay_says_that_the_weights_are_equal(run: Path, tmp_path: Path, capsys: Captured) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    out, err = out_of(capsys, "replay", run, "--to", tmp_path / "again")
    weights, accuracy, images = out.splitlines()
    assert weights == "final weights: equal to the bit in 7 tensors"
    recorded, now = accuracy.removeprefix("test accuracy: recorded ").split(", now ")
    assert recorded == now == f"{metric('accuracy', read_predictions(run)):.6f}"  # type: ignore[arg-type]
    assert "not needed again" in images
    assert err.splitlines()[-1] == "epoch 4/4"
    assert (tmp_path / "again" / "predictions.npz").read_bytes() == before["predictions.npz"]
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}  # it only reads


def test_replay_fails_where_the_weights_differ(run: Path, capsys: Captured) -> None:
    content = torch.load(run / "model.pt", weights_only=True)
    content["network"]["output.bias"][1] += 0.25
    torch.save(content, run / "model.pt")
    out, _ = out_of(capsys, "replay", run, code=1)
    assert "final weights: different, by 0.25 at most (in output.bias)" in out
    content["network"]["output.bias"] = torch.zeros(5)
    torch.save(content, run / "model.pt")
    out, _ = out_of(capsys, "replay", run, code=1)
    assert "final weights: different; output.bias has another shape, is missing, or is not finite in one of" in out


def test_a_completed_run_that_could_not_go_on_is_replayed_still(run: Path, capsys: Captured) -> None:
    """An older hptui wrote down after the end of a run that it could not be resumed."""
    with (run / "events.jsonl").open("ab") as log:
        log.write(encode(RunFailed(error="TrainingError: the checkpoints were written by an older hptui")))
    out, _ = out_of(capsys, "replay", run)
    assert "equal to the bit" in out


@pytest.mark.parametrize(("name", "field"), [("cosine", "schedule"), ("schedule_free", "optimizer")])
def test_a_strategy_of_an_older_hptui_is_replayed_as_what_it_is_now(
    tmp_path: Path, capsys: Captured, name: str, field: str
) -> None:
    """The same training, under the name that it had: the weights are equal to the bit."""
    settings = {"dataset": "digits", "train_size": 200, "model": "lenet", "epochs": 2, "runs": 1, "threads": 1}
    settings |= {"strategy": "fixed", "baseline": "none", field: name}
    prepared = start_study(resolve([Layer("test", {"strategy": "grid"} | settings)]).config, tmp_path / "s")
    assert train_study(prepared, Control())

    def older(text: str) -> str:
        lines = text.replace('strategy = "fixed"', f'strategy = "{name}"').splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(f"{field} ="))

    edit_study(tmp_path / "s", older)
    out, _ = out_of(capsys, "replay", tmp_path / "s" / "optimized-0")
    assert "equal to the bit" in out


def test_what_cannot_be_replayed_is_told_in_one_line(run: Path, tmp_path: Path, capsys: Captured) -> None:
    out_of(capsys, "replay", tmp_path, code=2)
    _, err = out_of(capsys, "replay", run, "--to", run.parent, code=2)
    assert "is not an empty folder" in err
    _, err = out_of(capsys, "replay", run, "--device", "gpu", code=2)
    assert "--device: unknown device 'gpu'" in err
    log = run / "events.jsonl"
    log.write_bytes(b"\n".join(log.read_bytes().splitlines()[:-1]) + b"\n")
    _, err = out_of(capsys, "replay", run, code=2)
    assert "is not completed" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("model", ["final", "best"])
def test_predict_says_of_known_images_what_the_run_did(
    run: Path, tmp_path: Path, test_pixels: np.ndarray, capsys: Captured, model: str
) -> None:
    np.savez(tmp_path / "more.npz", test_images=test_pixels, test_labels=np.zeros(60), other=np.zeros(3))
    out, err = out_of(capsys, "predict", run, tmp_path / "more.npz", "--model", model)
    assert err == ""
    rows = rows_of(out)
    expected = read_predictions(run, model)  # type: ignore[arg-type]
    assert expected is not None
    assert list(rows[0]) == ["file", "class", "probability", "p(healthy)", "p(ill, maybe)"]
    assert rows[7]["file"] == f"{tmp_path / 'more.npz'}:test_images[7]"
    assert np.allclose(shares(rows), expected.probabilities, atol=1e-6)
    assert [row["class"] for row in rows] == [("healthy", "ill, maybe")[k] for k in expected.probabilities.argmax(1)]
    assert [np.float32(row["probability"]) for row in rows] == shares(rows).max(1).tolist()


def test_the_two_models_differ(run: Path) -> None:
    final, best = read_predictions(run, "final"), read_predictions(run, "best")
    assert final is not None
    assert best is not None
    saved = [torch.load(run / file, weights_only=True)["epoch"] for file in ("model.pt", "best.pt")]
    assert (saved[0] == saved[1]) == np.array_equal(final.probabilities, best.probabilities)


def test_image_files_and_folders_are_prepared_as_in_training(
    run: Path, tmp_path: Path, test_pixels: np.ndarray, capsys: Captured
) -> None:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for index, pixels in enumerate(test_pixels[:5]):
        Image.fromarray(pixels).save((folder / "deeper" if index % 2 else folder) / f"{index}.png")
    Image.fromarray(test_pixels[0]).save(folder / ".hidden" / "x.png")
    (folder / "notes.txt").write_text("no image", "utf-8")
    (folder / "broken.png").write_bytes(b"no image either")
    out, err = out_of(capsys, "predict", run, folder, folder / "2.png", tmp_path / "none.png", code=1)
    rows = rows_of(out)
    assert [Path(row["file"]).name for row in rows] == ["0.png", "2.png", "4.png", "1.png", "3.png", "2.png"]
    expected = read_predictions(run)
    assert expected is not None
    assert np.allclose(shares(rows), expected.probabilities[[0, 2, 4, 1, 3, 2]], atol=1e-6)
    hidden, other, broken, missing = err.splitlines()
    assert hidden == f"hptui: {folder}: left out, hidden: 1 (.hidden)"
    assert other == f"hptui: {folder}: left out, in no image format that is read here: 1 (notes.txt)"
    assert broken.startswith(f"hptui: left out: {folder / 'broken.png'} cannot be read as an image")
    assert missing == f"hptui: left out: there is no file {tmp_path / 'none.png'}."


def test_of_a_folder_masks_are_left_out_as_in_training(
    run: Path, tmp_path: Path, test_pixels: np.ndarray, capsys: Captured
) -> None:
    """Those called like an image, and a folder of them; one that is named by itself is what its user wants."""
    folder = tmp_path / "scans"
    (folder / "masks").mkdir(parents=True)
    for name, pixels in zip(("a", "a_mask", "masks/a", "b_mask"), test_pixels, strict=False):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    np.savez(folder / "more.npz", images=test_pixels[:1])
    out, err = out_of(capsys, "predict", run, folder)
    assert [Path(row["file"]).name for row in rows_of(out)] == ["a.png", "b_mask.png", "more.npz:images[0]"]
    assert err.splitlines() == [
        f"hptui: {folder}: left out, a mask of an image beside it: 1 (a_mask.png)",
        f"hptui: {folder}: left out, in a folder of masks beside the images: 1 (masks/a.png)",
    ]
    out, err = out_of(capsys, "predict", run, folder / "a_mask.png")
    assert ([Path(row["file"]).name for row in rows_of(out)], err) == (["a_mask.png"], "")


def test_other_sizes_and_colours_are_brought_to_those_of_the_run(
    run: Path, tmp_path: Path, test_pixels: np.ndarray, capsys: Captured
) -> None:
    grey = Image.fromarray(test_pixels[0])
    grey.resize((140, 100), Image.Resampling.NEAREST).convert("RGB").save(tmp_path / "large.png")
    grey.save(tmp_path / "small.png")
    large, small = shares(rows_of(out_of(capsys, "predict", run, tmp_path / "large.png", tmp_path / "small.png")[0]))
    assert np.allclose(large, small, atol=0.1)
    np.savez(tmp_path / "colour.npz", images=np.zeros((2, 10, 14, 3), np.uint8))
    np.savez(tmp_path / "none.npz", labels=np.zeros(2))
    _, err = out_of(capsys, "predict", run, tmp_path / "colour.npz", tmp_path / "none.npz", code=1)
    assert "images has images of 3x10x14; the network takes 1x10x14." in err
    assert "none.npz has no array called images" in err


def test_the_threshold_comes_from_validation_images_and_stands_in_the_table(
    run: Path, tmp_path: Path, test_pixels: np.ndarray, capsys: Captured
) -> None:
    np.savez(tmp_path / "test.npz", images=test_pixels)
    wanted = ("--threshold-for", "sensitivity=0.97")
    out_of(capsys, "predict", run, tmp_path / "test.npz", *wanted, "--out", tmp_path / "table.csv")
    rows = rows_of((tmp_path / "table.csv").read_text("utf-8"))
    validation = read_predictions(run, "final", "validation")
    assert validation is not None
    threshold = choose_threshold(validation, "sensitivity=0.97")
    assert {float(row["threshold"]) for row in rows} == {threshold}
    ill = shares(rows)[:, 1].astype(float) >= threshold
    assert [row["class"] == "ill, maybe" for row in rows] == ill.tolist()
    assert [float(row["probability"]) for row in rows] == [
        pytest.approx(float(pair[int(found)])) for pair, found in zip(shares(rows), ill, strict=True)
    ]
    plain = rows_of(out_of(capsys, "predict", run, tmp_path / "test.npz")[0])
    assert [row["class"] for row in plain] != [row["class"] for row in rows]
    (run / PREDICTIONS_FILE).unlink()
    _, err = out_of(capsys, "predict", run, tmp_path / "test.npz", *wanted, code=2)
    assert err.startswith(f"hptui: no predictions saved by {run}")


def test_what_cannot_predict_is_told_in_one_line(run: Path, tmp_path: Path, capsys: Captured) -> None:
    image = tmp_path / "x.png"
    Image.new("L", (14, 10)).save(image)
    (tmp_path / "empty").mkdir()
    content = torch.load(run / "model.pt", weights_only=True)
    older = run.with_name("older")
    shutil.copytree(run, older)
    torch.save({"network": content["network"]}, older / "model.pt")
    (older / "best.pt").unlink()
    other = shutil.copytree(run, run.with_name("other"))
    del content["network"]["output.bias"]
    torch.save(content, other / "model.pt")
    (other / "best.pt").write_bytes(b"torn")
    for arguments, expected in [
        ((older, image), "older hptui, which did not store how images are prepared"),
        ((older, image, "--model", "best"), "has no best.pt"),
        ((other, image), 'Net\': Missing key(s) in state_dict: "output.bias".'),
        ((other, image, "--model", "best"), "best.pt is damaged"),
        ((run, tmp_path / "empty"), "holds no image files"),
        ((run, image, "--threshold-for", "recall=1"), "write sensitivity=0.95"),
        ((run, image, "--model", "first"), "--model"),
        ((tmp_path, image), "is not a run of hptui"),
        ((run, image, "--out", tmp_path / "nowhere" / "table.csv"), "--out: there is no folder"),
        ((run,), "IMAGES"),
    ]:
        _, err = out_of(capsys, "predict", *arguments, code=2)
        assert expected in err
        assert len(err.splitlines()) == 1, err


def test_a_run_that_is_not_completed_has_nothing_to_predict_with(tmp_path: Path, capsys: Captured) -> None:
    settings = {"dataset": "digits", "model": "lenet", "epochs": 1, "runs": 1, "baseline": "none", "train_size": 100}
    config = resolve(
        [Layer("test", {"strategy": "grid"} | settings | {"search": {"lr": "1e-3:1e-1:log:2"}, "device": "cpu"})]
    ).config
    assert not train_study(start_study(config, tmp_path / "study"), StopAfter(3))
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    for command in ("predict", "replay"):
        more = [tmp_path / "x.png"] if command == "predict" else []
        _, err = out_of(capsys, command, tmp_path / "study" / "optimized-0", *more, code=2)
        assert "not completed" in err


def test_a_damaged_network_is_told_by_a_replay_too(run: Path, capsys: Captured) -> None:
    (run / "model.pt").write_bytes((run / "model.pt").read_bytes()[:500])
    _, err = out_of(capsys, "replay", run, code=2)
    assert "model.pt is damaged" in err
