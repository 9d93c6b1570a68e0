"""Which epoch a run delivers: the latest that is not worse than the best by more than chance, or the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hptui.datasets import ImageDataset
from hptui.metrics.calls import confusion
from hptui.record.events import AnyEvent, EpochCompleted, Evaluated, RunCompleted
from hptui.record.predictions import Predictions, read_predictions
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.training import train
from hptui.training.engine.evaluation import Evaluation
from hptui.training.run.control import Control
from hptui.training.run.delivery import Delivery
from hptui.training.run.epoch_evaluation import EpochResult

from .conftest import NormDropNet, Once, Prepared, make_run, newest_checkpoint, train_run
from .test_exactness import StopAfter, assert_same

Make = Callable[..., Prepared]
GETS_WORSE = {"epochs": 8, "strategy": "fixed", "optimizer": "adam", "set": {"batch_size": 5, "lr": 0.15}}
"""with such a rate a network falls apart in epoch 7"""


def answers(right: float, seed: int, images: int = 200) -> Predictions:
    """Answers of a network that calls this share of the images by their class, always with the same certainty."""
    labels, places = np.arange(images) % 2, np.random.default_rng(seed).permutation(images)
    called = np.where(places < right * images, labels, 1 - labels)
    shares = np.where(called[:, None] == np.arange(2), 0.9, 0.1)
    return Predictions(labels.astype(np.int64), shares.astype(np.float32))


def result(right: float, epoch: int) -> EpochResult:
    found = answers(right, epoch)
    losses = -np.log(found.probabilities[np.arange(len(found)), found.labels])
    evaluation = Evaluation(losses, confusion(found), found)
    return EpochResult("last", evaluation, evaluation, {"last": evaluation.loss})


@pytest.mark.parametrize(
    ("right", "rule", "expected"),
    [
        ((0.6, 0.7, 0.8), "one-se", 3),
        ((0.6, 0.9, 0.7), "one-se", 2),
        ((0.6, 0.9, 0.89), "one-se", 3),  # two images of 200 are chance
        ((0.9, 0.89, 0.7, 0.8), "one-se", 2),  # the latest, not the best
        ((0.9, 0.7, 0.95, 0.7), "one-se", 3),
        ((0.6, 0.9, 0.7), "last", 3),
    ],
)
def test_the_latest_that_is_no_worse(prepare: Make, right: tuple[float, ...], rule: str, expected: int) -> None:
    run, _ = make_run(prepare())
    delivery = Delivery(rule)
    for epoch, share in enumerate(right, 1):
        run.state.network.seen.fill_(epoch)
        with torch.no_grad():
            run.state.network.output.bias.fill_(epoch)
        delivery.epoch_completed(run.trainer, epoch, result(share, epoch))
        delivery = Delivery.from_plain(rule, delivery.state()) if rule == "one-se" else delivery
    assert delivery.chosen is not None
    assert delivery.chosen.epoch == expected
    assert delivery.chosen.weights["output.bias"].unique().item() == expected
    assert delivery.best is not None
    assert delivery.best.epoch == 1 + int(np.argmax(right))


def of_six(margins: list[float]) -> EpochResult:
    """Six images, all of them called right; a margin between the logits of the two classes for each."""
    labels = np.arange(6) % 2
    own = 1 / (1 + np.exp(-np.array(margins)))
    shares = np.where(labels[:, None] == np.arange(2), own[:, None], 1 - own[:, None])
    found = Predictions(labels.astype(np.int64), shares.astype(np.float32))
    evaluation = Evaluation(-np.log(own), confusion(found), found)
    return EpochResult("last", evaluation, evaluation, {"last": evaluation.loss})


def test_of_a_few_images_that_are_all_called_right_losses_say_no_more_than_they_can(prepare: Make) -> None:
    """Six images right are a chance of one eighth that the next one is wrong, and an epoch like it is as good."""
    run, _ = make_run(prepare())
    delivery = Delivery("one-se")
    even, uneven = of_six([4.0, 4.0, 4.0, 4.0, 4.0, 3.0]), of_six([4.0, 4.0, 4.0, 4.0, 4.0, 2.9])
    losses = [delivery.epoch_completed(run.trainer, epoch, one) for epoch, one in enumerate((even, uneven), 1)]
    assert delivery.chosen is not None
    assert delivery.chosen.epoch == 2
    assert all(loss is not None and 0.12 < loss < 0.2 for loss in losses)


def diverged() -> EpochResult:
    found = replace(answers(0.9, 0), probabilities=np.full((200, 2), np.nan, np.float32))
    evaluation = Evaluation(np.full(200, np.inf, np.float32), np.eye(2, dtype=np.int64), found)
    return EpochResult("last", evaluation, evaluation, {"last": evaluation.loss})


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([diverged(), diverged()], 2),
        ([diverged(), result(0.6, 2), diverged()], 2),
        ([result(0.6, 1), diverged(), diverged()], 1),
    ],
)
def test_a_diverged_epoch_is_delivered_only_where_there_is_no_other(
    prepare: Make, results: list[EpochResult], expected: int
) -> None:
    run, _ = make_run(prepare())
    delivery = Delivery("one-se")
    for epoch, one in enumerate(results, 1):
        assert (delivery.epoch_completed(run.trainer, epoch, one) is None) == np.isinf(one.validation.loss)
    assert delivery.chosen is not None
    assert delivery.chosen.epoch == expected


def trained(made: Prepared, directory: Path) -> list[AnyEvent]:
    create_run(directory, RunFile(1, "0", "optimized", 0, {}))
    assert train_run(directory, made, "optimized", 0, Control())
    return RunReader(directory).read()


def ends(events: list[AnyEvent]) -> tuple[list[EpochCompleted], RunCompleted]:
    end = events[-1]
    assert isinstance(end, RunCompleted)
    return [event for event in events if isinstance(event, EpochCompleted)], end


def evaluation_on_test(events: list[AnyEvent], epoch: int) -> Evaluated:
    (found,) = [e for e in events if isinstance(e, Evaluated) and (e.epoch, e.split) == (epoch, "test")]
    return found


def undisturbed(once: Once, made: Prepared) -> tuple[Path, list[AnyEvent]]:
    """A run from its start to its end, and its events."""
    run = once("undisturbed", made, lambda folder: trained(made, folder))
    return run, RunReader(run).read()


def test_network_predictions_and_result_are_of_the_delivered_epoch(prepare: Make, once: Once) -> None:
    run, events = undisturbed(once, prepare(NormDropNet, **GETS_WORSE))
    epochs, end = ends(events)
    assert end.delivered_epoch == epochs[-1].deliverable < end.epoch == 8
    test = evaluation_on_test(events, end.delivered_epoch)
    assert (end.test_loss, end.test_accuracy, end.delivered) == (test.loss, test.accuracy, test.weights)
    saved = torch.load(run / "model.pt", weights_only=True)
    assert (saved["epoch"], saved["delivered"]) == (end.delivered_epoch, end.delivered)
    found = read_predictions(run)
    assert found is not None
    assert confusion(found).tolist() == test.confusion
    assert all(epoch.calibrated_loss is not None for epoch in epochs)


def test_the_rule_changes_nothing_but_what_is_delivered(prepare: Make, once: Once) -> None:
    made = prepare(NormDropNet, **GETS_WORSE)
    (one_se, _), (last, events) = (undisturbed(once, made.changed(deliver=rule)) for rule in ("one-se", "last"))
    epochs, end = ends(events)
    assert end.delivered_epoch == end.epoch == 8
    assert [epoch.deliverable for epoch in epochs] == [*range(1, 9)]
    assert {epoch.calibrated_loss for epoch in epochs} == {None}
    saved = [newest_checkpoint(run) for run in (one_se, last)]
    assert_same(*(one["snapshot"]["network"] for one in saved if one is not None))


@pytest.mark.parametrize("stop_after", [100, 270, 350])
def test_a_run_that_was_stopped_delivers_the_same(prepare: Make, once: Once, tmp_path: Path, stop_after: int) -> None:
    made = prepare(NormDropNet, **GETS_WORSE)
    straight, events = undisturbed(once, made)
    stopped, (epochs, end) = tmp_path / "stopped", ends(events)
    create_run(stopped, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(stopped, made, "optimized", 0, StopAfter(stop_after))
    again, end_again = ends(trained(made, stopped))
    assert end_again.delivered_epoch == end.delivered_epoch < 8
    assert [one.deliverable for one in again][-1] == epochs[-1].deliverable
    for file in ("model.pt", "best.pt"):
        assert_same(*(torch.load(folder / file, weights_only=True) for folder in (straight, stopped)))
    one, other = (read_predictions(folder) for folder in (straight, stopped))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.probabilities, other.probabilities)


def test_python_gets_the_network_that_was_tested(prepare: Make, small_dataset: ImageDataset) -> None:
    for rule in ("one-se", "last"):
        found = train(dataset=small_dataset, model=NormDropNet, **GETS_WORSE, deliver=rule, threads=1)
        end = found.events[-1]
        assert isinstance(end, RunCompleted)
        assert (end.delivered_epoch == 8) is (rule == "last")
        inputs = prepare().data.normalise(torch.from_numpy(small_dataset.test.pixels))
        with torch.inference_mode():
            called = found.network(inputs).argmax(1).numpy()
        assert (called == small_dataset.test.labels).mean() == found.test_accuracy
