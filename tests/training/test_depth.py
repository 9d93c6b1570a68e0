"""Images of more than 8 bits, from the array to the network and on to `predict`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from hptui.__main__ import main
from hptui.config import resolve
from hptui.config.layers import Layer
from hptui.datasets import ImageDataset, Images, Pixels
from hptui.datasets._check import check
from hptui.datasets._intensity import fit_intensity
from hptui.datasets._prepare import fingerprint
from hptui.errors import DatasetError
from hptui.record.intensity import BYTES, Intensity
from hptui.record.predictions import read_predictions
from hptui.record.study_directory import create_study, open_study
from hptui.training import train
from hptui.training.engine.device_data import to_device
from hptui.training.engine.normalisation import normalised
from hptui.training.engine.stored_pixels import scaled, stored
from hptui.training.evaluating import read_external
from hptui.training.run.control import Control
from hptui.training.study import start_study, train_study

CPU = torch.device("cpu")
DEPTHS = (np.uint8, np.uint16, np.int16, np.float32)


def drawn(count: int, seed: int, depth: Any = np.uint16, *, base: float = 1064, step: float = 30) -> Images:
    """Noise around one level; the ill have a brighter corner. 8 bits of 65,536 levels would show none of it."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = random.normal(base, step / 6, (count, 1, 28, 28))
    pixels[labels == 1, :, :9, :9] += step
    return Images(pixels.round().astype(depth) if depth != np.float32 else pixels.astype(depth), labels)


def dataset(depth: Any = np.uint16, **how: float) -> ImageDataset:
    return ImageDataset(
        "drawn",
        ("healthy", "ill"),
        drawn(120, 0, depth, **how),
        drawn(40, 1, depth, **how),
        drawn(40, 2, depth, **how),
    )


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("rule", ["auto", "minmax", "percentile:2:98"])
def test_pixels_are_brought_to_0_to_255_on_the_device(depth: Any, rule: str) -> None:
    """Against plain arithmetic in double precision."""
    data = dataset(depth, base=100, step=30)
    fit = fit_intensity(rule, data)
    on_device, test = to_device(data, "", CPU, fitted=fit)
    low, high = fit.intensity.low, fit.intensity.high
    expected = np.clip((data.train.pixels.astype(np.float64) - low) * 255 / (high - low), 0, 255)
    assert np.allclose(on_device.scaled(on_device.train.pixels).double(), expected, atol=1e-4)
    x = on_device.normalise(on_device.train.pixels).double()
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert x.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert on_device.normalise(test.pixels).dtype == torch.float32
    again = on_device.normalise(on_device.scaled(on_device.train.pixels[:3]))
    assert torch.equal(again, on_device.normalise(on_device.train.pixels[:3]))


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_imagenets_normalisation_sees_the_same_of_every_depth(depth: Any) -> None:
    """A picture of 8 bits, and the same kept deeper: what the network gets differs by less than a grey level."""
    random = np.random.default_rng(0)
    labels = np.arange(16) % 2
    shown = random.integers(0, 256, (16, 1, 8, 8)).astype(np.uint8)
    shown[0, 0, 0, :2] = 0, 255
    deep = {np.uint16: shown * 257.0, np.int16: shown * 16.0 - 1024, np.float32: shown / 255.0}[depth].astype(depth)
    seen = []
    for pixels in (shown, deep):
        given = ImageDataset("x", ("a", "b"), Images(pixels, labels), Images(pixels, labels), Images(pixels, labels))
        data, _ = to_device(given, "", CPU, fitted=fit_intensity("auto", given))
        data, told = normalised(data, "imagenet", torch.nn.Identity, None)
        assert told.startswith("by ImageNet's (mean and deviation 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225)")
        seen.append(data.normalise(data.train.pixels))
    assert seen[0].shape == (16, 3, 8, 8)
    assert seen[0].min().item() == pytest.approx(-0.485 / 0.229)
    assert (seen[1] - seen[0]).abs().max().item() < 1 / 255 / 0.224


def test_all_values_of_16_bits_come_back() -> None:
    whole = Intensity("full", 0, 65535, "uint16")
    values = np.arange(65536, dtype=np.uint16).reshape(1, 1, 256, 256)
    back = scaled(stored(values, whole, CPU), whole).double() / 255 * 65535
    assert np.array_equal(back.round().numpy(), values)
    signed = np.arange(-32768, 32768).astype(np.int16).reshape(1, 1, 256, 256)
    whole = Intensity("full", -32768, 32767, "int16")
    back = scaled(stored(signed, whole, CPU), whole).double() / 255 * 65535 - 32768
    assert np.array_equal(back.round().numpy(), signed)


def test_deep_pixels_take_two_bytes_on_the_device_and_bytes_one() -> None:
    for depth, size in ((np.uint8, 1), (np.uint16, 2), (np.int16, 2), (np.float32, 4)):
        data, _ = to_device(dataset(depth, base=100), "", CPU)
        assert data.train.pixels.element_size() == size


def test_bytes_are_not_touched_on_their_way() -> None:
    data, _ = to_device(dataset(np.uint8, base=100), "", CPU)
    batch = data.train.pixels[:4]
    assert data.intensity == BYTES
    assert data.scaled(batch) is batch
    assert torch.equal(data.normalise(batch), (batch - data.mean).div_(data.std))


def test_the_arrays_of_an_own_data_set_are_never_changed() -> None:
    for depth in DEPTHS:
        given = dataset(depth, base=100)
        before = given.train.pixels.copy()
        data, _ = to_device(given, "", CPU)
        data.normalise(data.scaled(data.train.pixels[:8]))
        assert np.array_equal(given.train.pixels, before)
    read_only = dataset(np.uint16)
    read_only.train.pixels.flags.writeable = False
    to_device(read_only, "", CPU)


def test_the_fingerprint_of_bytes_is_what_it_was_and_knows_depths_apart() -> None:
    train, test = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2), np.full((2, 1, 2, 2), 9, np.uint8)
    labels = np.array([0, 1])
    small = ImageDataset("x", ("a", "b"), Images(train, labels), Images(test, labels))
    assert fingerprint(small) == "1227331c141bc393f18fb975c5e371ab09e236be6945f8f6f887396b67b46959"
    wide = train.astype(np.uint16), test.astype(np.uint16)
    prints = {
        fingerprint(ImageDataset("x", ("a", "b"), *(Images(images.view(depth), labels) for images in wide)))
        for depth in (np.uint16, np.int16)
    }
    assert len(prints) == 2


def auc(pixels: ImageDataset, **settings: Any) -> float:
    from sklearn.metrics import roc_auc_score

    result = train(
        dataset=check(pixels), model="lenet", strategy="fixed", epochs=3, device="cpu", threads=1,
        set={"batch_size": 20, "lr": 0.003}, **settings,
    )  # fmt: skip
    predictions = result.predictions["final", "test"]
    return float(roc_auc_score(predictions.labels, predictions.probabilities[:, 1]))


@pytest.mark.parametrize(
    "given",
    [
        dataset(np.uint16),
        dataset(np.int16, base=-600),
        dataset(np.float32, base=0.5, step=0.1),
        dataset(np.uint8, base=100),
    ],
    ids=["ct", "signed", "float in 0..1", "bytes"],
)
def test_the_contrast_of_every_depth_is_learnt(given: ImageDataset) -> None:
    assert auc(given) > 0.99


def test_augmentation_gets_pixels_in_0_to_255(monkeypatch: pytest.MonkeyPatch) -> None:
    from hptui.hyperparameters import hyperparameter

    seen: list[tuple[float, float]] = []

    def on_images(pixels: torch.Tensor, value: float, generator: torch.Generator) -> torch.Tensor:
        seen.append((float(pixels.min()), float(pixels.max())))
        return pixels

    monkeypatch.setattr(type(hyperparameter("augmentation")), "on_images", lambda self, *given: on_images(*given))
    auc(dataset(np.int16, base=-600))
    assert min(low for low, _ in seen) == 0
    assert max(high for _, high in seen) == 255


OWN = """
import numpy as np
from hptui.datasets import ImageDataset, Images

def images(count, seed):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = random.normal(1064, 5, (count, 1, 28, 28))
    pixels[labels == 1, :, :9, :9] += 30
    return Images(pixels.round().astype(np.uint16), labels)

def data():
    return ImageDataset("ct", ("healthy", "ill"), images(120, 0), images(40, 1), images(40, 2))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deep")
    (folder / "own.py").write_text(OWN, "utf-8")
    settings = {
        "dataset": f"{folder}/own.py:data", "model": "lenet", "epochs": 2, "runs": 1, "baseline": "none",
        "strategy": "fixed", "threads": 1, "device": "cpu", "set": {"batch_size": 20}, "intensity": "percentile:1:99",
    }  # fmt: skip
    assert train_study(
        start_study(resolve([Layer("test", {"strategy": "grid"} | settings)]).config, folder / "study"), Control()
    )
    return folder / "study"


def test_the_range_is_kept_in_the_record_and_beside_the_weights(study: Path) -> None:
    low, high = np.percentile(drawn(120, 0).pixels, [1, 99], method="inverted_cdf")
    expected = Intensity("percentile:1:99", low, high, "uint16")
    assert open_study(study).intensity == expected
    saved = torch.load(study / "optimized-0" / "model.pt", weights_only=True)
    assert msgspec.convert(saved["intensity"], Intensity) == expected


def test_studies_of_an_older_hptui_have_no_range(tmp_path: Path) -> None:
    study = create_study(tmp_path / "study", resolve([]).config, "f" * 64, {})
    assert "intensity]" not in (study.directory / "study.toml").read_text("utf-8")
    assert open_study(study.directory).intensity is None


@pytest.mark.parametrize("ends", [(5.0, 5.0), (9.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_what_is_no_range_is_damage(ends: tuple[float, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match="are no range"):
        msgspec.convert({"rule": "minmax", "low": ends[0], "high": ends[1], "dtype": "uint16"}, Intensity)


def predicted(study: Path, capsys: pytest.CaptureFixture[str], *images: Path, code: int = 0) -> tuple[list[Any], str]:
    assert main(["predict", str(study / "optimized-0"), *map(str, images), "--trust"]) == code
    out, err = capsys.readouterr()
    return list(csv.DictReader(io.StringIO(out))), err


def save(path: Path, pixels: Pixels) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_files_are_predicted_by_the_range_of_the_training(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = drawn(40, 1).pixels[:, 0]
    files = [save(tmp_path / f"{number:02}.png", image) for number, image in enumerate(test)]
    np.savez(tmp_path / "test.npz", images=test)
    recorded = read_predictions(study / "optimized-0")
    assert recorded is not None
    for given in (files, [tmp_path / "test.npz"]):
        rows, _ = predicted(study, capsys, *given)
        ill = np.array([float(row["p(ill)"]) for row in rows])
        assert np.allclose(ill, recorded.probabilities[:, 1], atol=1e-6)


def test_files_of_another_depth_or_range_are_refused(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = drawn(40, 1).pixels[:2, 0]
    small = save(tmp_path / "small.png", test[0].astype(np.uint8))
    far = save(tmp_path / "far.png", test[0] + np.uint16(30000))
    good = save(tmp_path / "good.png", test[0])
    np.savez(tmp_path / "small.npz", images=test.astype(np.uint8))
    rows, err = predicted(study, capsys, small, far, good, tmp_path / "small.npz", code=1)
    assert [Path(row["file"]).name for row in rows] == ["good.png"]
    told = err.splitlines()
    assert len(told) == 3
    assert "small.png has pixels of 8 bits, the network was trained on 16 bits" in err
    assert "far.png has intensities" in err
    assert "which the network was trained on (percentile:1:99)" in err
    assert "small.npz: images holds uint8; the network was trained on uint16." in err
    capsys.readouterr()
    assert main(["predict", str(study / "optimized-0"), str(far), str(good), "--per-group", "(png)", "--trust"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].startswith("png,1,")  # no mean with what the network sees nothing of
    assert "far.png has intensities" in captured.err


def test_a_folder_of_volumes_is_told_with_what_to_do(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"")
    assert main(["predict", str(study / "optimized-0"), str(tmp_path), "--trust"]) == 2
    told = "holds no image files that can be read here (.nii.gz instead); x.nii.gz is a NIfTI volume: save the slices"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["same", "some", "all"])
def test_external_images_of_another_scale_are_told_or_refused(tmp_path: Path, scale: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        f"""
import numpy as np
from hptui.datasets import ImageDataset, Images
def images(seed):
    pixels = np.random.default_rng(seed).integers(1035, 1114, (6, 1, 8, 8)).astype(np.uint16)
    pixels[{ {"same": "6:", "some": ":2", "all": ":"}[scale] }] *= 40
    return Images(pixels, np.arange(6) % 2)
def data():
    return ImageDataset("x", ("a", "b"), images(0), images(1))
""",
        "utf-8",
    )
    predictor: Any = SimpleNamespace(
        task="single-label",
        image_shape=(1, 8, 8),
        intensity=Intensity("minmax", 1035, 1114, "uint16"),
        class_names=("a", "b"),
    )
    study: Any = SimpleNamespace(fingerprint="of other images", data=None)
    config = resolve([Layer("test", {})]).config
    if scale == "all":
        with pytest.raises(
            DatasetError, match=r"in every image nearly all outside 1035 to 1114, which the network was"
        ):
            read_external(f"{file}:data", config, predictor, study)
        return
    notes = read_external(f"{file}:data", config, predictor, study).notes
    told = [note for note in notes if "nearly all" in note]
    words = "4 of 12 images have nearly all of their intensities outside 1035 to 1114, which the network was trained on"
    assert told == ([f"{words} (minmax)."] if scale == "some" else [])


def test_splits_of_different_depths_are_refused() -> None:
    mixed = ImageDataset("x", ("a", "b"), drawn(20, 0), drawn(20, 1, np.float32))
    with pytest.raises(DatasetError, match="the depth of the pixels differs between the splits"):
        check(mixed)


@pytest.mark.parametrize("channels", [1, 2, 4, 16])
def test_own_arrays_of_up_to_16_channels_and_of_double_precision_are_taken(channels: int) -> None:
    one, two, three = (
        Images(np.random.default_rng(seed).random((20, channels, 8, 8)), np.arange(20) % 2) for seed in range(3)
    )
    checked = check(ImageDataset("x", ("a", "b"), one, two, three))
    assert checked.train.pixels.dtype == np.float32
    data, _ = to_device(checked, "", CPU)
    assert data.normalise(data.train.pixels[:2]).shape == (2, channels, 8, 8)
