"""The range of intensities: fitted on training images, told, and the same for all splits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hptui.config.intensity_rule import parse_intensity
from hptui.datasets import ImageDataset, Images, Pixels
from hptui.datasets._intensity import fit_intensity, outside
from hptui.errors import ConfigError, DatasetError
from hptui.record.intensity import BYTES, Intensity


def dataset(train: Pixels, test: Pixels | None = None, names: bool = False) -> ImageDataset:
    images = Images(train, np.arange(len(train)) % 2, names=np.array([f"{n}.png" for n in range(len(train))]))
    if not names:
        images = replace(images, names=None)
    rest = train if test is None else test
    return ImageDataset("drawn", ("a", "b"), images, Images(rest, np.zeros(len(rest), np.int64)), images)


def ct(count: int = 8, depth: Any = np.uint16) -> Pixels:
    """Soft tissue near 1064, as a scanner gives it."""
    return np.random.default_rng(1).normal(1064, 8, (count, 1, 32, 32)).round().astype(depth)


def naive(pixels: Pixels, intensity: Intensity) -> np.ndarray:
    """What every pixel becomes, in the plainest way."""
    return np.clip((pixels.astype(np.float64) - intensity.low) * 255 / (intensity.high - intensity.low), 0, 255)


def test_bytes_are_left_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3, 9, 7), np.uint8)
    fit = fit_intensity("auto", dataset(pixels))
    assert fit.intensity == BYTES
    assert fit.intensity.untouched
    assert fit.notes == ()
    whole = pixels.astype(np.int64)  # the same to the last bit, as trained weights depend on it
    mean = whole.sum((0, 2, 3)) / (50 * 9 * 7)
    assert fit.mean.tolist() == mean.tolist()
    assert fit.std.tolist() == np.sqrt(np.square(whole).sum((0, 2, 3)) / (50 * 9 * 7) - mean**2).tolist()


@pytest.mark.parametrize("depth", [np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("rule", ["auto", "minmax", "percentile:5:90", "window:1064:20"])
def test_mean_and_deviation_are_those_of_the_range(depth: Any, rule: str) -> None:
    pixels = np.concatenate([ct(depth=depth), ct(depth=depth)[:, :, ::-1] + 3], axis=1).astype(depth)
    if depth == np.int16:
        pixels = pixels - np.int16(1064)
        rule = rule.replace("1064", "0")
    fit = fit_intensity(rule, dataset(pixels))
    brought = naive(pixels, fit.intensity)
    assert fit.mean == pytest.approx(brought.mean((0, 2, 3)), rel=1e-6)
    assert fit.std == pytest.approx(brought.std((0, 2, 3)), rel=1e-6)


def test_the_default_uses_the_range_that_there_is() -> None:
    pixels = ct()
    fit = fit_intensity("auto", dataset(pixels))
    assert fit.intensity == Intensity("minmax", float(pixels.min()), float(pixels.max()), "uint16")
    assert len(np.unique(naive(pixels, fit.intensity).round())) == len(np.unique(pixels))  # no two levels are merged
    (told,) = fit.notes
    assert told == (
        f"intensities of the training images: {pixels.min()} to {pixels.max()} (uint16); "
        "that becomes black to white (auto: minmax)"
    )


def test_the_default_cuts_outliers_that_stretch_the_range() -> None:
    pixels = ct(32)
    pixels[0, 0, 0, :5] = 65535  # 5 of 32,768 pixels: a marker
    fit = fit_intensity("auto", dataset(pixels))
    assert fit.intensity.rule == "percentile:0.1:99.9"
    assert 1030 < fit.intensity.low < fit.intensity.high < 1100
    assert any("lie outside that range and are cut" in note for note in fit.notes)
    assert fit_intensity("minmax", dataset(pixels)).intensity.high == 65535


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_percentiles_are_those_of_numpy(depth: Any) -> None:
    pixels = ct(16, depth)
    intensity = fit_intensity("percentile:2.5:97.5", dataset(pixels)).intensity
    low, high = np.percentile(pixels, [2.5, 97.5], method="inverted_cdf")
    assert (intensity.low, intensity.high) == (pytest.approx(low, abs=0.1), pytest.approx(high, abs=0.1))


def test_only_training_images_are_looked_at() -> None:
    other = ct(4)
    other[:3] += np.uint16(20000)
    alone, beside = fit_intensity("auto", dataset(ct())), fit_intensity("auto", dataset(ct(), other))
    assert alone.intensity == beside.intensity
    assert alone.mean == beside.mean


def test_a_window_is_centre_and_width() -> None:
    intensity = fit_intensity("window:40:400", dataset(ct(depth=np.int16) - np.int16(1064))).intensity
    assert (intensity.low, intensity.high, intensity.rule) == (-160, 240, "window:40:400")


def test_full_is_the_range_of_the_depth() -> None:
    for depth, ends in ((np.uint16, (0, 65535)), (np.int16, (-32768, 32767))):
        intensity = fit_intensity("full", dataset(ct(depth=depth))).intensity
        assert (intensity.low, intensity.high) == ends
    shares = dataset((ct() / 65535).astype(np.float32))
    assert fit_intensity("full", shares).intensity == Intensity("full", 0, 1, "float32")
    with pytest.raises(ConfigError, match=r"floating point, here .* have no full range; write minmax"):
        fit_intensity("full", dataset(ct(depth=np.float32)))


def test_a_rule_that_leaves_few_levels_is_told() -> None:
    notes = fit_intensity("full", dataset(ct())).notes
    assert notes[-1] == "the training images have 1 of 256 grey levels in that range; --intensity minmax keeps more"
    masks = np.random.default_rng(0).integers(0, 2, (8, 1, 9, 9)).astype(np.uint8)
    assert fit_intensity("auto", dataset(masks)).notes == (
        "the training images have 2 of 256 grey levels in that range",
    )
    assert not any("grey levels" in note for note in fit_intensity("auto", dataset(ct())).notes)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.int16, np.float32])
def test_images_of_one_intensity_are_told(depth: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (6, 1, 9, 9)).astype(depth)
    pixels[1], pixels[4] = 7, 9
    notes = fit_intensity("auto", dataset(pixels, pixels[:1], names=True)).notes
    assert "2 of 6 training images are of one intensity throughout (1.png, 4.png)" in notes
    assert not any("test images" in note for note in notes)
    flat = fit_intensity("auto", dataset(np.full((4, 1, 5, 5), 7, depth)))
    assert "all are of one intensity, so there is nothing to learn from" in flat.notes[0]
    assert flat.std.tolist() == [1]


def test_images_beyond_the_range_are_found() -> None:
    pixels = np.array([[0, 50], [50, 150], [150, 250], [201, 210]], np.uint16).reshape(4, 1, 1, 2)
    intensity = Intensity("minmax", 100, 200, "uint16")
    assert outside(pixels, intensity).tolist() == [True, False, False, True]
    stretched = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(1, 1, 32, 32)  # of another program, to 16 bits
    window = np.concatenate([np.zeros(1000), np.full(24, 150)]).astype(np.uint16).reshape(1, 1, 32, 32)  # much air
    assert outside(np.concatenate([stretched, window]), intensity).tolist() == [True, False]


@pytest.mark.parametrize("rule", ["auto", "minmax"])
def test_splits_of_different_scales_are_told_or_refused(rule: str) -> None:
    random = np.random.default_rng(0)
    train, test = (random.random((8, 1, 4, 4), np.float32) for _ in range(2))
    assert not any("outside" in note and "test" in note for note in fit_intensity(rule, dataset(train, test)).notes)
    test[:3] = test[:3] * 255 + 2
    told = fit_intensity(rule, dataset(train, test)).notes
    words = (
        f"3 of 8 test images have nearly all of their intensities outside {train.min():g} to {train.max():g}, those of"
    )
    assert any(note.startswith(words) for note in told)
    test[3:] = test[3:] * 255 + 2
    with pytest.raises(DatasetError, match=r"all test images have nearly all .* Bring all splits to one scale\.$"):
        fit_intensity(rule, dataset(train, test))
    assert fit_intensity("window:0.5:0.2", dataset(train, test)).notes  # whoever says a window may mean it


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("minmaxx", "it takes auto"),
        ("percentile:1", "it takes auto, full, minmax"),
        ("percentile:a:b", "write two numbers, such as percentile:1:99"),
        ("percentile:99:1", "LOW and HIGH are percent"),
        ("percentile:0:101", "LOW and HIGH are percent"),
        ("window:40:0", "WIDTH has to be above 0"),
        ("window:nan:4", "WIDTH has to be above 0"),
        ("full:1", "it takes auto"),
    ],
)
def test_a_rule_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_intensity(text)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda pixels: pixels, False),
        (lambda pixels: pixels + 100, True),
        (lambda pixels: pixels * 16, True),
        (lambda pixels: pixels // 4, True),
    ],
    ids=["alike", "brighter", "12 bits in 16", "flat"],
)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_split_of_other_intensities_is_told(change: Any, told: bool, depth: Any) -> None:
    """Also of 8 bits, of which no rule is fitted, and where a part of them stays within the range."""

    def noise(seed: int, count: int) -> Any:
        return np.random.default_rng(seed).integers(0, 150, (count, 1, 8, 8)).astype(depth)

    labels = np.arange(40) % 2
    train, test = noise(0, 40), change(noise(1, 40)).astype(depth)
    given = ImageDataset("own", ("a", "b"), Images(train, labels), Images(test, labels))
    notes = fit_intensity("auto", given).notes
    assert any(note.startswith("test images have other intensities than training images") for note in notes) is told
    few = ImageDataset("own", ("a", "b"), Images(train, labels), Images(test[:4], labels[:4]))
    assert not any("have other intensities" in note for note in fit_intensity("auto", few).notes)
