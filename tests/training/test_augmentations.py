"""Each augmentation beside its slow twin; off it is off, to the bit; on it draws the same for every candidate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage, stats
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from hptui import registry
from hptui.datasets import ImageDataset
from hptui.errors import ConfigError
from hptui.hyperparameters import Batch, hyperparameter, hyperparameters
from hptui.record.commands import ChangeRanges
from hptui.record.events import BatchesTrained, CandidateScored, DecisionStarted, HyperparametersChosen, RunStarted
from hptui.training.engine.batch_changes import change_batch
from hptui.training.engine.device_data import to_device
from hptui.training.engine.geometry import joined, moved
from hptui.training.engine.loop import Trainer
from hptui.training.engine.values_in_force import ValuesInForce

from .conftest import Prepared, delivered, make_run, stripes
from .test_exactness import StopAfter, assert_same, stop_and_resume
from .test_steering import Scripted, epoch_done, execute

Make = Callable[..., Prepared]
STRONG = {
    "horizontal_flip": 0.5, "vertical_flip": 0.5, "rotation": 20.0, "shift": 0.15, "zoom": 0.2, "brightness": 0.5,
    "contrast": 0.5, "blur": 1.0, "noise": 0.2, "erasing": 0.5, "mixup": 0.4,
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", STRONG)
ON_INPUTS = [name for name in STRONG if name not in ("rotation", "shift", "zoom", "mixup")]


def in_force(**values: float) -> ValuesInForce:
    network = nn.Linear(1, 1)
    return ValuesInForce(network, torch.optim.SGD(network.parameters(), 0.1), dict(values))


def images(count: int = 400, height: int = 20, width: int = 30, channels: int = 2) -> Tensor:
    """Smooth ones, so that it can be told where each has gone."""
    torch.manual_seed(0)
    return F.avg_pool2d(torch.randn(count, channels, height + 4, width + 4), 5, stride=1) * 3


def changed(inputs: Tensor, seed: int = 0, step: int = 0, **values: float) -> Tensor:
    labels = torch.zeros(len(inputs), dtype=torch.int64)
    return change_batch(Batch(inputs, labels), values, seed, step).inputs


def maps(name: str, value: float, count: int = 1000, sides: tuple[int, int] = (20, 30)) -> Tensor:
    made = hyperparameter(name).on_geometry(count, sides, value, Generator().manual_seed(3))
    assert made is not None
    return made


def test_all_that_are_off_unless_named_are_tested_here() -> None:
    assert {name for name, known in hyperparameters().items() if known.if_named} == set(STRONG)


@EVERY
def test_it_is_off_where_nobody_names_it_and_at_0(name: str) -> None:
    inputs = images(8)
    assert changed(inputs) is inputs
    assert changed(inputs, **{name: 0.0}) is inputs
    assert name not in in_force().read()
    assert in_force(**{name: 0.0}).read()[name] == 0
    known = hyperparameter(name)
    assert (known.default, known.low, known.can_be_off, known.careful) == (0, 0, True, "larger")
    assert known.unit
    assert known.meaning


def test_studies_that_name_none_end_at_the_same_weights_as_with_all_at_0(prepare: Make) -> None:
    ends = []
    for values in ({}, dict.fromkeys(STRONG, 0.0)):
        run, events = make_run(prepare(strategy="fixed", set={"batch_size": 20, "augmentation": 0.3} | values))
        assert run.execute().completed
        ends.append(dict(delivered(run)))
        assert isinstance(events[0], RunStarted)
        assert set(STRONG) & set(events[0].values) == set(values)
    assert_same(*ends)


def test_flips_are_exact_and_as_often_as_asked_for() -> None:
    inputs = images()
    for name, axis in (("horizontal_flip", 3), ("vertical_flip", 2)):
        flipped = changed(inputs, **{name: 0.25})
        is_turned = (flipped != inputs).flatten(1).any(1)
        assert torch.equal(flipped[is_turned], inputs[is_turned].flip(axis))
        assert is_turned.double().mean() == pytest.approx(0.25, abs=0.06)
        assert torch.equal(changed(inputs, **{name: 1.0}), inputs.flip(axis))


def test_rotations_are_rotations_of_up_to_the_angle() -> None:
    found = maps("rotation", 30.0)
    cos, sin = found[:, 0, 0], found[:, 1, 0]
    assert torch.allclose(found[:, 0, 1], -sin)
    assert torch.allclose(found[:, 1, 1], cos)
    assert torch.allclose(cos**2 + sin**2, torch.ones(1000))
    assert not found[:, :, 2].any()
    angles = torch.rad2deg(torch.atan2(sin, cos)).numpy()
    assert stats.kstest(angles, "uniform", (-30, 60)).pvalue > 0.01
    assert np.abs(angles).max() <= 30


def test_shifts_are_up_to_the_share_of_each_side_and_zooms_up_to_the_factor() -> None:
    found = maps("shift", 0.2)
    assert torch.equal(found[:, :, :2], torch.eye(2).expand(1000, 2, 2))
    for axis, side in ((0, 30), (1, 20)):  # x goes along the width
        assert stats.kstest(found[:, axis, 2].numpy(), "uniform", (-0.2 * side, 0.4 * side)).pvalue > 0.01
    found = maps("zoom", 0.5)
    assert torch.equal(found, found[:, :1, :1] * torch.eye(2, 3))
    logarithms = found[:, 0, 0].log().numpy()
    assert stats.kstest(logarithms, "uniform", (-math.log(1.5), 2 * math.log(1.5))).pvalue > 0.01


def sampled(image: npt.NDArray[np.float32], one: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """By scipy: pixel by pixel, where it comes from."""
    height, width = image.shape
    y, x = np.mgrid[:height, :width]
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    from_x, from_y = (one[row, 0] * x + one[row, 1] * y + one[row, 2] for row in (0, 1))
    places = [from_y + (height - 1) / 2, from_x + (width - 1) / 2]
    found: npt.NDArray[np.float32] = ndimage.map_coordinates(image, places, order=1, mode="nearest")
    return found


@pytest.mark.parametrize("names", [["rotation"], ["shift"], ["zoom"], ["rotation", "shift", "zoom"]])
def test_images_are_sampled_once_where_all_maps_together_say(names: list[str]) -> None:
    inputs = images(6)
    made = [maps(name, STRONG[name], 6) for name in names]
    joint = joined([None, *made, None])
    assert joint is not None
    found = moved(inputs, joint)
    for image, result, *single in zip(inputs, found, *made, strict=True):
        whole = np.eye(3)
        for one in single:
            whole = whole @ np.vstack([one.numpy(), [0, 0, 1]])
        for channel, moved_channel in zip(image.numpy(), result.numpy(), strict=True):
            assert np.allclose(moved_channel, sampled(channel, whole[:2]), atol=1e-4)
    assert joined([None, None]) is None


def test_joined_maps_move_as_one_after_the_other() -> None:
    inputs = torch.randn(4, 1, 136, 136, generator=Generator().manual_seed(0))
    for _ in range(3):
        inputs = F.avg_pool2d(inputs, 13, stride=1)
    turn, move = maps("rotation", 20.0, 4, (100, 100)), maps("shift", 0.1, 4, (100, 100))
    joint = joined([turn, move])
    assert joint is not None
    one_by_one = moved(moved(inputs, turn), move)
    inside = (slice(None), slice(None), slice(30, 70), slice(30, 70))
    other = joined([move, turn])
    assert other is not None
    difference = (moved(inputs, joint) - one_by_one)[inside].abs().max()
    assert difference < 0.05 * inputs.std()
    assert (moved(inputs, other) - one_by_one)[inside].abs().max() > 5 * difference


def test_a_shift_moves_to_the_right_and_down_and_the_edge_goes_on() -> None:
    inputs = torch.arange(12.0).view(1, 1, 3, 4)
    found = moved(inputs, torch.tensor([[[1.0, 0, -1], [0, 1, -1]]]))  # each pixel comes from the left and from above
    assert torch.allclose(found[0, 0], torch.tensor([[0.0, 0, 1, 2], [0, 0, 1, 2], [4, 4, 5, 6]]), atol=1e-5)


def test_brightness_adds_one_number_to_an_image() -> None:
    inputs = images()
    added = (changed(inputs, brightness=0.5) - inputs).flatten(1)
    assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-6)
    assert stats.kstest(added[:, 0].numpy(), "uniform", (-0.5, 1)).pvalue > 0.01


def test_contrast_keeps_the_mean_of_each_channel_and_multiplies_the_rest() -> None:
    inputs = images()
    found = changed(inputs, contrast=0.5)
    assert torch.allclose(found.mean((2, 3)), inputs.mean((2, 3)), atol=1e-5)
    factors = found.std((2, 3)) / inputs.std((2, 3))
    assert torch.allclose(factors[:, 0], factors[:, 1], rtol=1e-4)
    logarithms = factors[:, 0].log().numpy()
    assert stats.kstest(logarithms, "uniform", (-math.log(1.5), 2 * math.log(1.5))).pvalue > 0.01


@pytest.mark.parametrize("value", [0.3, 1.0, 2.5, 10.0])
def test_blur_is_scipys_gaussian_of_a_width_per_image(value: float) -> None:
    inputs, generator = images(12), Generator().manual_seed(5)
    found = hyperparameter("blur").on_batch(Batch(inputs, torch.zeros(12)), value, generator).inputs
    widths = value * torch.rand(12, generator=Generator().manual_seed(5))
    radius = math.ceil(3 * value)
    for image, blurred, width in zip(inputs.numpy(), found.numpy(), widths.tolist(), strict=True):
        for channel, result in zip(image, blurred, strict=True):
            expected = ndimage.gaussian_filter(channel, width, mode="nearest", radius=radius)
            assert np.allclose(result, expected, atol=1e-5)


def test_noise_is_gaussian_and_of_a_strength_per_image() -> None:
    inputs = images(200)
    noise = (changed(inputs, noise=0.4) - inputs).flatten(1)
    strengths = noise.std(1)
    assert stats.kstest(strengths.numpy(), "uniform", (0, 0.4)).pvalue > 0.001
    assert stats.kstest((noise / strengths.unsqueeze(1)).flatten().numpy()[::50], "norm").pvalue > 0.01


def test_erasing_leaves_a_rectangle_of_the_mean_in_as_many_images_as_asked_for() -> None:
    inputs = images(600, 40, 50) + 100  # no pixel is 0 by itself
    found = changed(inputs, erasing=0.3)
    erased = found == 0
    assert torch.equal(found[~erased], inputs[~erased])
    assert torch.equal(erased[:, 0], erased[:, 1])
    areas = []
    for mask in erased[:, 0][erased[:, 0].flatten(1).any(1)].numpy():
        rows, columns = mask.any(1), mask.any(0)
        assert np.array_equal(mask, np.outer(rows, columns))
        for side in (rows, columns):
            assert np.flatnonzero(side).size == np.ptp(np.flatnonzero(side)) + 1
        areas.append(mask.mean())
    assert len(areas) / 600 == pytest.approx(0.3, abs=0.06)
    assert min(areas) > 0.01
    assert max(areas) < 0.35
    assert np.mean(areas) == pytest.approx(0.175, abs=0.03)


@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.0])
def test_mixup_lays_images_and_labels_over_each_other_by_one_share(alpha: float) -> None:
    inputs, labels = images(500), torch.arange(500)
    batch = change_batch(Batch(inputs, labels), {"mixup": alpha}, 0, 0)
    assert batch.shares is not None
    assert torch.equal(batch.labels[:, 0], labels)
    assert sorted(batch.labels[:, 1].tolist()) == labels.tolist()
    assert torch.allclose(batch.shares.sum(1), torch.ones(500))
    share = batch.shares[:, :1, None, None]
    expected = share * inputs + (1 - share) * inputs[batch.labels[:, 1]]
    assert torch.allclose(batch.inputs, expected, atol=1e-5)
    assert stats.kstest(batch.shares[:, 0].double().numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_images_that_are_mixed_twice_have_four_labels() -> None:
    batch = Batch(torch.zeros(2, 1, 1, 1), torch.tensor([3, 4]))
    once = batch.mixed(batch.inputs, torch.tensor([1, 0]), torch.tensor([0.75, 1.0]))
    twice = once.mixed(batch.inputs, torch.tensor([1, 1]), torch.tensor([0.5, 0.5]))
    assert twice.labels.tolist() == [[3, 4, 4, 3], [4, 3, 4, 3]]
    assert twice.shares is not None
    assert torch.allclose(twice.shares, torch.tensor([[0.375, 0.125, 0.5, 0.0], [0.5, 0.0, 0.5, 0.0]]))


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("loss", registry.names("losses"))
def test_the_loss_of_mixed_images_is_that_of_their_labels_by_their_shares(
    prepare: Make, loss: str, class_weights: str
) -> None:
    data = ImageDataset("odd", ("a", "b", "c"), stripes(100, 0), stripes(30, 1), stripes(30, 2))
    run, _ = make_run(prepare(dataset=data, loss=loss, class_weights=class_weights))
    trainer: Trainer = run.trainer
    torch.manual_seed(0)
    logits, labels, share = torch.randn(8, 3), torch.randint(3, (8, 2)), torch.rand(8, 1)
    batch = Batch(torch.zeros(8, 1, 12, 12), labels, torch.cat((share, 1 - share), 1))
    by_class = trainer.data.class_weights
    total = weight = 0.0
    for logit, pair, parts in zip(logits, labels, batch.shares, strict=True):  # type: ignore[arg-type]
        for label, part in zip(pair, parts, strict=True):
            counts = float(part) * (1.0 if by_class is None else float(by_class[label]))
            alone = run.inputs.loss(logit[None], label[None], None, trainer.state.values.held)
            total, weight = total + counts * float(alone), weight + counts
    assert float(trainer.loss_of(logits, batch, trainer.state.values.held)) == pytest.approx(total / weight, rel=1e-5)


@EVERY
def test_each_image_and_each_step_has_its_own_draw_and_a_step_always_the_same(name: str) -> None:
    inputs = images(1).expand(64, -1, -1, -1).contiguous() + torch.arange(64.0).view(-1, 1, 1, 1) * (name == "mixup")
    values = {name: STRONG[name]}
    one, again, next_step, other_seed = (
        changed(inputs, seed, step, **values) for seed, step in ((1, 5), (1, 5), (1, 6), (2, 5))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, next_step)
    assert not torch.equal(one, other_seed)
    different = torch.unique(one.flatten(1), dim=0)
    assert len(different) == (2 if "flip" in name else pytest.approx(48, abs=16))


def test_candidates_differ_in_nothing_but_their_values() -> None:
    """What one draws depends neither on its own value nor on whether others are on."""
    inputs = images(50)
    weak, strong = (changed(inputs, brightness=value) - inputs for value in (0.1, 0.4))
    assert torch.allclose(4 * weak, strong, atol=1e-5)
    both = changed(inputs, brightness=0.4, horizontal_flip=1.0)
    assert torch.allclose(both, (inputs + strong).flip(3), atol=1e-6)
    seldom, often = ((changed(inputs, horizontal_flip=value) != inputs).flatten(1).any(1) for value in (0.2, 0.6))
    assert bool((often | ~seldom).all())  # those that are turned at 0.2 are turned at 0.6, too
    small, large = (change_batch(Batch(inputs, torch.arange(50)), {"mixup": alpha}, 0, 0) for alpha in (0.2, 0.4))
    assert torch.equal(small.labels, large.labels)
    assert small.shares is not None
    assert large.shares is not None
    assert bool(((small.shares - 0.5).abs() >= (large.shares - 0.5).abs() - 1e-6).all())


def test_draws_of_successive_steps_and_of_different_kinds_are_not_related() -> None:
    inputs = torch.zeros(2000, 1, 1, 1)
    drawn = [changed(inputs, 0, step, brightness=1.0).flatten().numpy() for step in range(4)]
    drawn.append(changed(inputs, 1, 0, brightness=1.0).flatten().numpy())
    drawn.append(changed(inputs, 0, 0, noise=1.0).flatten().numpy())
    relations = np.corrcoef(drawn)[np.triu_indices(6, 1)]
    assert np.abs(relations).max() < 0.09


@pytest.mark.parametrize("scale", [1.0, 257.0, 1 / 255])
def test_they_do_the_same_at_any_depth_and_in_any_unit(scale: float, small_dataset: ImageDataset) -> None:
    """8 bits, 16 bits, and 0 to 1: the network sees the same."""
    data, _ = to_device(small_dataset, "", torch.device("cpu"))
    pixels = data.train.pixels[:50]
    inputs = data.normalise(pixels)
    deeper = dataclasses.replace(data, mean=data.mean * scale, std=data.std * scale)
    other = deeper.normalise(pixels.float() * scale)
    assert torch.allclose(changed(inputs, **STRONG), changed(other, **STRONG), atol=1e-4)


def test_all_together_stopped_and_resumed_equal_uninterrupted(prepare: Make, tmp_path: Path) -> None:
    made = prepare(strategy="grid", set={"batch_size": 20, "augmentation": 0.2} | STRONG)
    straight, _ = make_run(made)
    assert straight.execute().completed
    stop_and_resume(made, tmp_path, straight, StopAfter(41))


@EVERY
def test_it_is_searched_and_told(prepare: Make, name: str) -> None:
    known = hyperparameter(name)
    run, events = make_run(prepare(search={name: known.suggested}))
    assert run.execute().completed
    steps = int(known.suggested.split(":")[-1])
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert [one.values[name] for one in scored[:steps]] == pytest.approx(np.linspace(0, STRONG[name], steps))
    assert len({one.loss for one in scored[:steps]}) == steps
    assert isinstance(events[0], RunStarted)
    assert events[0].values[name] == 0
    assert set(STRONG) & set(events[0].values) == {name}
    chosen = [event.values[name] for event in events if isinstance(event, HyperparametersChosen)]
    trained = {event.epoch: event.values[name] for event in events if isinstance(event, BatchesTrained)}
    assert list(trained.values()) == chosen
    baseline, _ = make_run(prepare(search={name: known.suggested}), "baseline")
    assert baseline.state.values.read()[name] == 0


def test_adaptive_searches_several(prepare: Make) -> None:
    search = {"lr": "1e-3:1e-1:log:3", "rotation": "0:20:lin:3", "mixup": "0:0.4:lin:3"}
    run, events = make_run(prepare(strategy="adaptive", epochs=8, budget=6.0, search=search))
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert {name for one in scored for name in ("rotation", "mixup") if one.values[name] > 0} == {"rotation", "mixup"}


def test_one_that_is_searched_from_the_second_epoch_on_begins_where_it_was_off(prepare: Make, tmp_path: Path) -> None:
    control = Scripted(tmp_path, {epoch_done(1): ChangeRanges(search={"rotation": "0:20:lin:3"})})
    assert execute(prepare(search={"lr": "1e-3:1e-1:log:3"}), control)
    decisions = control.of(DecisionStarted)
    assert ["rotation" in event.values for event in decisions] == [False, True]
    assert decisions[1].values["rotation"] == 0
    scored = [event.values["rotation"] for event in control.of(CandidateScored) if event.decision == 1]
    assert scored == [0, 10, 20]


def test_too_much_of_one_is_refused_by_name(prepare: Make) -> None:
    with pytest.raises(ConfigError, match="rotation = 200 is out of bounds; it takes 0 to 180"):
        prepare(set={"rotation": 200})
