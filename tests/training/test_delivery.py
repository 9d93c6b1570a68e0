"""What a completed run leaves: two networks and what they say of every validation and test image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hptui.datasets import ImageDataset, Images
from hptui.errors import TrainingError
from hptui.metrics.calls import confusion
from hptui.metrics.classification import metric
from hptui.metrics.wrong import most_wrong_images
from hptui.record.events import AnyEvent, EpochCompleted, Evaluated, RunCompleted
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.record.wrong_images import SIDE, WRONG_IMAGES_FILE, read_wrong_images
from hptui.training import train
from hptui.training.engine import loop
from hptui.training.engine.device_data import to_device
from hptui.training.engine.evaluation import evaluate
from hptui.training.run import delivery
from hptui.training.run.checkpoints import save_checkpoint
from hptui.training.run.control import Control
from hptui.training.run.run import Run
from hptui.training.run.wrong_images import wrong_pixels

from .conftest import NormDropNet, Prepared, make_run, newest_checkpoint, train_run
from .test_exactness import StopAfter, assert_same

Make = Callable[..., Prepared]
RUN = RunFile(1, "0", "optimized", 0, {})
OVERFITS: dict[str, Any] = {
    **{"factory": NormDropNet, "epochs": 5, "strategy": "fixed", "optimizer": "adam"},
    "set": {"batch_size": 20, "lr": 0.1},
}
"""with such a rate the validation loss goes up and down, so that the best epoch is not the last"""


def trained(made: Prepared, directory: Path) -> list[AnyEvent]:
    create_run(directory, RUN)
    assert train_run(directory, made, "optimized", 0, Control())
    return RunReader(directory).read()


def delivered(events: list[AnyEvent], epoch: int, split: str) -> Evaluated:
    (end,) = [event for event in events if isinstance(event, EpochCompleted) and event.epoch == epoch]
    (found,) = [
        event
        for event in events
        if isinstance(event, Evaluated) and (event.epoch, event.split, event.weights) == (epoch, split, end.delivered)
    ]
    return found


def all_predictions(directory: Path) -> dict[tuple[str, str], Predictions]:
    found = {(m, s): read_predictions(directory, m, s) for m in ("final", "best") for s in ("validation", "test")}  # type: ignore[arg-type]
    assert None not in found.values()
    return found  # type: ignore[return-value]


def test_predictions_are_those_that_the_log_counted(prepare: Make, tmp_path: Path) -> None:
    events = trained(prepare(**OVERFITS), tmp_path)
    end = events[-1]
    assert isinstance(end, RunCompleted)
    losses = {epoch: delivered(events, epoch, "validation").loss for epoch in range(1, 6)}
    assert end.best_epoch == min(losses, key=losses.__getitem__) < 5  # type: ignore[arg-type]
    for (model, split), found in all_predictions(tmp_path).items():
        logged = delivered(events, 5 if model == "final" else end.best_epoch, split)
        assert confusion(found).tolist() == logged.confusion
        assert metric("accuracy", found) == logged.accuracy
        rows = np.arange(len(found))
        loss = -np.log(found.probabilities[rows, found.labels].astype(float)).mean()
        assert loss == pytest.approx(logged.loss, rel=1e-4)
    assert read_predictions(tmp_path).labels.tolist() == [index % 3 for index in range(60)]  # type: ignore[union-attr]


def test_the_networks_are_those_that_predicted(prepare: Make, tmp_path: Path) -> None:
    made = prepare(**OVERFITS)
    events = trained(made, tmp_path)
    for file, model in (("model.pt", "final"), ("best.pt", "best")):
        saved = torch.load(tmp_path / file, weights_only=True)
        other, _ = make_run(made, seed=99)
        other.network.load_state_dict(saved["network"])
        found = evaluate(other.network, made.data, made.test, with_predictions=True).predictions
        expected = read_predictions(tmp_path, model)  # type: ignore[arg-type]
        assert found is not None
        assert expected is not None
        assert np.allclose(found.probabilities, expected.probabilities, atol=1e-6)
        assert saved["epoch"] == (5 if model == "final" else events[-1].best_epoch)  # type: ignore[union-attr]
        assert (saved["channels"], saved["image_shape"]) == (1, [12, 12])
        assert saved["class_names"] == ["low", "middle", "high"]
        assert torch.equal(saved["mean"], made.data.mean)
        assert torch.equal(saved["std"], made.data.std)


@pytest.mark.parametrize("stop_after", [10, 25, 40, 58])
def test_the_best_epoch_survives_a_stop(prepare: Make, tmp_path: Path, stop_after: int) -> None:
    """Before, within and after the best epoch."""
    made = prepare(**OVERFITS)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    end = trained(made, straight)[-1]
    create_run(stopped, RUN)
    assert not train_run(stopped, made, "optimized", 0, StopAfter(stop_after))
    assert read_predictions(stopped) is None
    assert not (stopped / "best.pt").exists()
    assert read_wrong_images(stopped) is None
    again = trained(made, stopped)[-1]
    assert again.best_epoch == end.best_epoch  # type: ignore[union-attr]
    for file in ("model.pt", "best.pt"):
        assert_same(*(torch.load(folder / file, weights_only=True) for folder in (straight, stopped)))
    for key, found in all_predictions(stopped).items():
        assert np.array_equal(found.probabilities, all_predictions(straight)[key].probabilities), key


def test_killed_between_the_last_checkpoint_and_the_end(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(**OVERFITS)
    expected = tmp_path / "expected"
    trained(made, expected)
    killed = tmp_path / "killed"
    create_run(killed, RUN)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_complete", lambda run: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_run(killed, made, "optimized", 0, Control())
    trained(made, killed)
    for key, found in all_predictions(killed).items():
        assert np.array_equal(found.probabilities, all_predictions(expected)[key].probabilities), key
    assert_same(*(torch.load(folder / "best.pt", weights_only=True) for folder in (expected, killed)))


def test_with_added_epochs_the_best_of_all_is_kept(prepare: Make, tmp_path: Path) -> None:
    made = prepare(**OVERFITS)
    first = trained(made, tmp_path)[-1]
    before = torch.load(tmp_path / "best.pt", weights_only=True)
    made = made.changed(epochs=6)
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(3))
    # those of the fifth epoch are not those of the last any more
    assert read_predictions(tmp_path) is read_wrong_images(tmp_path) is None
    assert train_run(tmp_path, made, "optimized", 0, Control())
    events = RunReader(tmp_path).read()
    losses = {epoch: delivered(events, epoch, "validation").loss for epoch in range(1, 7)}
    best = min(losses, key=losses.__getitem__)  # type: ignore[arg-type]
    assert events[-1].best_epoch == best  # type: ignore[union-attr]
    if best == first.best_epoch:  # type: ignore[union-attr]
        assert_same(torch.load(tmp_path / "best.pt", weights_only=True), before)
    assert all_predictions(tmp_path)["final", "test"].labels.shape == (60,)


def test_the_images_that_are_most_wrong_are_kept_as_the_network_saw_them(prepare: Make, tmp_path: Path) -> None:
    made = prepare(**OVERFITS)
    trained(made, tmp_path)
    answers = read_predictions(tmp_path)
    kept = read_wrong_images(tmp_path)
    assert answers is not None
    assert kept is not None
    wrong = most_wrong_images(answers, 24)
    assert kept.indices.tolist() == wrong.tolist() != []
    assert np.array_equal(kept.pixels, made.test.pixels.numpy()[wrong])


def test_none_are_kept_where_none_are_wanted(prepare: Make, tmp_path: Path) -> None:
    trained(prepare(**OVERFITS, wrong_images=0), tmp_path)
    assert not (tmp_path / WRONG_IMAGES_FILE).exists()


def wrong_of(pixels: np.ndarray, most: int = 24) -> np.ndarray:
    """What is kept of images that are all called by the other class, the last one most surely."""
    labels = np.arange(len(pixels)) % 2
    images = Images(pixels, labels)
    data, test = to_device(ImageDataset("x", ("a", "b"), images, images, images), "", torch.device("cpu"))
    sure = np.linspace(0.6, 0.9, len(pixels), dtype=np.float32)
    answers = np.where(labels[:, None] == [0, 1], 1 - sure[:, None], sure[:, None])
    found = wrong_pixels(data, test, Predictions(labels, answers), most)
    assert found is not None
    assert found.indices.tolist() == list(range(len(pixels)))[::-1][:most]
    return found.pixels


def test_large_images_are_kept_small_and_deep_ones_in_the_range_of_the_study() -> None:
    random = np.random.default_rng(0)
    large = random.integers(0, 256, (4, 3, 512, 256), dtype=np.uint8)
    small = wrong_of(large, most=2)
    assert small.shape == (2, 3, SIDE, SIDE // 2)
    mean = large[3].reshape(3, SIDE, 4, SIDE // 2, 4).mean((2, 4))
    assert np.abs(small[0] - mean).max() <= 0.5
    deep = np.broadcast_to(np.linspace(1000, 3000, 64).astype(np.uint16), (4, 5, 8, 64)).copy()
    shown = wrong_of(deep)
    assert shown.shape == (4, 1, 8, 64)  # of channels of unknown meaning the first
    assert (shown.min(), shown.max()) == (0, 255)
    assert np.all(np.diff(shown[0, 0, 0].astype(int)) >= 0)


def test_no_image_is_read_twice_for_it(prepare: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(*arguments: object, **options: object) -> object:
        passes.append(arguments)
        return evaluate(*arguments, **options)  # type: ignore[arg-type]

    for module in (loop, delivery):
        monkeypatch.setattr(module, "evaluate", counted)
    run, _ = make_run(prepare(**OVERFITS))
    passes.clear()  # of what was tried out before
    assert run.execute().completed
    assert len(passes) == 5 * 3  # validation of both kinds of weights, and test
    assert set(run.delivery.predictions) == {(m, s) for m in ("final", "best") for s in ("validation", "test")}


def test_both_arms_leave_the_same_files(prepare: Make, tmp_path: Path) -> None:
    made = prepare()
    for arm in ("baseline", "optimized"):
        create_run(tmp_path / arm, RUN)
        assert train_run(tmp_path / arm, made, arm, 0, Control())  # type: ignore[arg-type]
        assert {"best.pt", "model.pt", PREDICTIONS_FILE} <= {path.name for path in (tmp_path / arm).iterdir()}


def test_checkpoints_without_a_best_epoch_are_told(prepare: Make, tmp_path: Path) -> None:
    made = prepare(epochs=3, strategy="fixed")
    create_run(tmp_path, RUN)
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(20))
    content = newest_checkpoint(tmp_path)
    assert content is not None
    del content["best"]
    save_checkpoint(tmp_path, content["snapshot"]["step"], content)
    with pytest.raises(TrainingError, match=r"older hptui.*checkpoints folder"):
        train_run(tmp_path, made, "optimized", 0, Control())


def test_a_completed_run_that_cannot_go_on_keeps_its_predictions(prepare: Make, tmp_path: Path) -> None:
    made = prepare(epochs=1, strategy="fixed")
    trained(made, tmp_path)
    content = newest_checkpoint(tmp_path)
    assert content is not None
    del content["kept"]
    save_checkpoint(tmp_path, content["snapshot"]["step"], content)
    with pytest.raises(TrainingError, match="older hptui"):
        train_run(tmp_path, made.changed(epochs=2), "optimized", 0, Control())
    assert read_predictions(tmp_path) is not None
    assert isinstance(RunReader(tmp_path).read()[-1], RunCompleted)  # still completed, and can be replayed


def test_in_memory_the_result_has_them_too() -> None:
    result = train(
        dataset="digits", model="lenet", epochs=1, strategy="fixed", train_size=200, validation_size=50, threads=1
    )
    assert metric("accuracy", result.predictions["final", "test"]) == result.test_accuracy
    assert metric("accuracy", result.predictions["best", "validation"]) == result.validation_accuracy
