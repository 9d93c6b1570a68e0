"""Trainings that begin with weights from a file: what is taken, what stays frozen, with which rate the rest goes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.errors import ConfigError
from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory
from hptui.record.events import BatchesTrained, HyperparametersChosen
from hptui.training.backbone import NO_BACKBONE, with_real_ranges
from hptui.training.engine.building import StudyInputs, new_state
from hptui.training.engine.pretrained import load_weights, read_weights

from .conftest import NormDropNet, Prepared, make_run, stripes
from .test_exactness import assert_same

Make = Callable[..., Prepared]
LR = {"lr": "1e-3:1e-1:log:2"}


@pytest.fixture
def prepare(prepare: Make) -> Make:
    """With a network of several layers."""
    return lambda factory=NormDropNet, *data, **settings: prepare(factory, *data, **settings)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Weights of a network for seven classes: all but the head fit one for three."""
    torch.manual_seed(7)
    network = NormDropNet(1, 7)
    with torch.no_grad():
        network.norm.running_mean.uniform_(-0.1, 0.1)
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    return path


def written(path: Path, content: Any) -> str:
    torch.save(content, path)
    return str(path)


def test_what_fits_is_taken_and_the_rest_is_told(prepare: Make, file: Path) -> None:
    made = prepare(search=LR, weights=str(file))
    state = new_state(made.inputs, made.config, seed=3)
    saved, plain = torch.load(file), new_state(prepare(search=LR).inputs, made.config, seed=3)
    for name, tensor in state.network.state_dict().items():
        begun = plain.network.state_dict() if name.startswith("output") else saved
        assert torch.equal(tensor, begun[name]), name
    assert made.inputs.warnings == (
        "weights: 7 of the network's 9 tensors are those of weights.pt",
        "weights: of another size in the file, and begun anew: output.weight (7x8, here 3x8), output.bias (7, here 3)",
    )
    averages = state.average.tensors()
    assert torch.equal(averages["convolution.weight"], saved["convolution.weight"])


def test_missing_and_unexpected_names_are_told(file: Path) -> None:
    saved = torch.load(file)
    del saved["norm.weight"], saved["norm.num_batches_tracked"]
    saved |= {f"extra{number}": torch.zeros(1) for number in range(6)}
    taken = load_weights(NormDropNet(1, 7), read_weights(written(file, saved)))
    assert taken.lines[1:] == (
        "weights: missing in the file, and begun anew: norm.weight",
        "weights: unexpected in the file, and left out: extra0, extra1, extra2, extra3 and 2 more",
    )
    assert "norm.weight" not in taken.names
    assert "convolution.weight" in taken.names


@pytest.mark.parametrize(
    "form",
    [
        lambda saved: saved,
        lambda saved: {"state_dict": saved, "epoch": 3, "optimizer": {"state": {}}},
        lambda saved: {"model": {f"module.{name}": tensor for name, tensor in saved.items()}},
        lambda saved: {"network": saved, "mean": torch.zeros(1, 1, 1, 1), "std": torch.ones(1, 1, 1, 1)},
        lambda saved: {f"backbone.{name}": tensor for name, tensor in saved.items()},
    ],
)
def test_weights_are_found_in_the_usual_forms_of_files(file: Path, form: Callable[[Any], Any]) -> None:
    saved = torch.load(file)
    network = NormDropNet(1, 7)
    load_weights(network, read_weights(written(file, form(saved))))
    assert_same(dict(network.state_dict()), dict(saved))


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="needs safetensors")
def test_weights_of_a_safetensors_file(file: Path) -> None:
    from safetensors.torch import save_file

    save_file(torch.load(file), file.with_suffix(".safetensors"))
    assert_same(
        dict(sorted(read_weights(str(file.with_suffix(".safetensors"))).tensors.items())),
        dict(sorted(torch.load(file).items())),
    )


def test_a_safetensors_file_without_its_package_says_how_to_install_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    file.rename(file.with_suffix(".safetensors"))
    with pytest.raises(
        ConfigError, match=r"needs the package safetensors; install it with: pip install 'hptui\[timm\]"
    ):
        read_weights(str(file.with_suffix(".safetensors")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NormDropNet(1, 7), "damaged, or a whole network and not its weights"),
        ({"epoch": 3}, "holds no weights by name"),
        (torch.zeros(3), "holds no weights by name"),
        ({"a": torch.zeros(2), "b": torch.tensor([1.0, float("nan")])}, r"no finite numbers, in b \(2\)"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_weights(written(tmp_path / "other.pt", content))


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.bfloat16, torch.bool, torch.complex64])
def test_weights_of_any_kind_of_number_are_read(tmp_path: Path, kind: torch.dtype) -> None:
    tensors = read_weights(written(tmp_path / "any.pt", {"a": torch.ones(2).to(kind)})).tensors
    assert tensors["a"].dtype == kind


def test_no_file_and_a_damaged_one_are_refused(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        read_weights(str(tmp_path / "absent.pt"))
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_weights(str(file))


def test_weights_of_another_network_are_refused(prepare: Make, tmp_path: Path) -> None:
    other = written(tmp_path / "other.pt", nn.Sequential(nn.Linear(2, 3)).state_dict())
    with pytest.raises(ConfigError, match=r"none of those in other.pt fit the network; the file has 0.weight \(3x2\)"):
        prepare(search=LR, weights=other)


@pytest.mark.parametrize("patterns", [["convolution", "norm"], ["convolution.*", "nor?.*"], "convolution,norm"])
def test_frozen_layers_stay_as_they_are_and_so_do_their_statistics(prepare: Make, file: Path, patterns: Any) -> None:
    run, _ = make_run(prepare(search=LR, weights=str(file), freeze=patterns))
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    assert run.execute().completed
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(tensor, before[name]) == (not name.startswith("output")), name
    assert run.network.train().training
    assert not run.network.norm.training


def test_frozen_statistics_are_those_that_training_uses(prepare: Make, file: Path) -> None:
    """As in evaluation: a batch's own would be another network."""
    made = prepare(search=LR, weights=str(file), freeze=["norm"])
    network = new_state(made.inputs, made.config, 0).network.train()
    network.dropout.p = 0.0
    images = made.data.normalise(made.data.train.pixels[:8])
    trained = network(images)
    network.eval()
    assert torch.equal(trained, network(images))


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (
            ["convolutoin"],
            r"freeze = 'convolutoin': the network has no weights of this name\. Did you mean 'convolution'\? "
            r"Known: convolution, norm, output, seen\.",  # not dropout, which has nothing to freeze
        ),
        (["*"], "nothing is left to train"),
    ],
)
def test_what_cannot_be_frozen_is_refused(prepare: Make, patterns: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare(search=LR, freeze=patterns)


def test_pretrained_weights_have_a_share_of_the_rate(prepare: Make, file: Path) -> None:
    """Of the schedule's rate, at every step; what is new has all of it, and the log the rate as it was chosen."""
    settings = {"set": {"batch_size": 20, "lr": 0.01, "backbone_lr": 0.1}, "schedule": "cosine", "strategy": "fixed"}
    run, events = make_run(prepare(search=LR, weights=str(file), **settings))
    seen = []
    step = run.trainer.step

    def watched() -> Any:
        seen.append([group["lr"] for group in run.state.optimizer.param_groups])
        return step()

    run.trainer.step = watched  # type: ignore[method-assign]
    assert run.execute().completed
    groups = {bool(group.get("pretrained")): group for group in run.state.optimizer.param_groups}
    names = {id(weight): name for name, weight in run.network.named_parameters()}
    assert {names[id(weight)] for weight in groups[False]["params"]} == {"output.weight", "output.bias"}
    assert all(pretrained == pytest.approx(0.1 * new) for new, pretrained in seen)
    assert seen[0][0] == 0.01
    assert seen[-1][0] < 0.001
    trained = [event for event in events if isinstance(event, BatchesTrained)]
    assert {event.values["backbone_lr"] for event in trained} == {0.1}
    assert trained[-1].values["lr"] == seen[-1][0]


def test_the_share_can_be_searched_and_a_decision_leaves_no_trace(prepare: Make, file: Path) -> None:
    search = {"backbone_lr": "0.01:1:log:3"}
    run, events = make_run(prepare(search=search, weights=str(file), epochs=1))
    assert run.execute().completed
    (chosen,) = (event for event in events if isinstance(event, HyperparametersChosen))
    fixed, _ = make_run(
        prepare(
            strategy="fixed",
            weights=str(file),
            epochs=1,
            set={"batch_size": 20, "backbone_lr": chosen.values["backbone_lr"]},
            search=LR,
        )
    )
    assert fixed.execute().completed
    assert_same(run.state.network.state_dict(), fixed.state.network.state_dict())


SUGGESTED = {"lr": "1e-4:1e-2:log:5", "backbone_lr": "0.01:1:log:3"}


def test_with_weights_the_share_is_searched_where_nobody_names_a_range(file: Path) -> None:
    named = {"strategy": "adaptive", "weights": str(file)}
    assert "backbone_lr" in resolve([Layer("flag", named)]).config.search
    assert "backbone_lr" not in resolve([Layer("flag", named | {"search": LR})]).config.search
    assert "backbone_lr" not in resolve([Layer("flag", named | {"search": {"backbone_lr": "off"}})]).config.search
    assert "backbone_lr" not in resolve([Layer("flag", {"strategy": "adaptive"})]).config.search
    assert "backbone_lr" not in resolve([Layer("flag", named | {"strategy": "grid"})]).config.search


@pytest.mark.parametrize(
    ("classes", "frozen", "searched"),
    [(7, False, True), (7, True, False), (3, False, False)],
    ids=["a new head", "a new head alone is trained", "all is pretrained"],
)
def test_a_share_that_is_none_is_not_searched_and_told(
    prepare: Make, tmp_path: Path, classes: int, frozen: bool, searched: bool
) -> None:
    weights = written(tmp_path / "w.pt", NormDropNet(1, classes).state_dict())
    names = [name for name, _ in NormDropNet(1, classes).named_parameters() if not name.startswith("output")]
    made = prepare(search=SUGGESTED, weights=weights, freeze=names if frozen else [])
    assert ("backbone_lr" in with_real_ranges(made.config, made.inputs).space) == searched
    assert (NO_BACKBONE in made.inputs.warnings) != searched


def test_without_pretrained_weights_there_is_no_share(prepare: Make) -> None:
    with pytest.raises(ConfigError, match=r"backbone_lr cannot be set: no weights that are trained are pretrained"):
        prepare(search={"backbone_lr": "0.01:1:log:3"})
    assert "backbone_lr" not in new_state(prepare(search=LR).inputs, prepare(search=LR).config, 0).values.read()


class Grouped(OptimizerFactory):
    """Biases without decay, and the head with twice the rate."""

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        lr, decay = values["lr"], values["weight_decay"]
        head = [weight for name, weight in network.named_parameters() if name.startswith("output")]
        others = [weight for name, weight in network.named_parameters() if not name.startswith("output")]
        groups = [
            {"params": [weight for weight in others if weight.dim() == 1], "weight_decay": 0.0},
            {"params": [weight for weight in others if weight.dim() > 1]},
            {"params": head, "lr": 2 * lr},
        ]
        return torch.optim.SGD(groups, lr, weight_decay=decay, momentum=values["momentum"])


@pytest.mark.parametrize("start", [0.0, 0.02])
def test_groups_keep_their_shares_of_rate_and_decay(prepare: Make, start: float) -> None:
    made = prepare(search=LR, set={"batch_size": 20, "lr": 0.01, "weight_decay": start})
    inputs: StudyInputs = msgspec_replace(made.inputs, optimizer=Grouped())
    state = new_state(inputs, made.config, 0)
    state.values.set({"lr": 0.1, "weight_decay": 0.5})
    found = [(group["lr"], group["weight_decay"]) for group in state.optimizer.param_groups]
    assert found == [(0.1, 0.0), (0.1, 0.5), (0.2, 0.5)]
    state.values.scale_rate(0.5)
    assert [group["lr"] for group in state.optimizer.param_groups] == [0.05, 0.05, 0.1]
    assert (state.values.read()["lr"], state.values.read()["weight_decay"]) == (0.05, 0.5)
    assert state.values.chosen()["lr"] == 0.1
    snapshot = state.snapshot()
    state.values.set({"lr": 0.3})
    state.restore(snapshot)
    assert [group["lr"] for group in state.optimizer.param_groups] == [0.05, 0.05, 0.1]


def msgspec_replace(inputs: StudyInputs, **changes: Any) -> StudyInputs:
    from dataclasses import replace

    return replace(inputs, **changes)


class Colour(nn.Module):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 4, 3)
        self.output = nn.Linear(4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.relu(self.convolution(x)).amax((2, 3)))


def test_weights_of_colour_images_want_imagenets_normalisation_and_grey_as_three_channels(
    prepare: Make, tmp_path: Path
) -> None:
    weights = written(tmp_path / "colour.pt", Colour(3, 3).state_dict())
    made = prepare(Colour, search=LR, weights=weights)
    assert made.inputs.warnings[0].startswith("images are normalised by ImageNet's (mean and deviation 0.485, 0.456, 0")
    pixels = made.data.train.pixels[:4]
    expected = pixels.float().repeat(1, 3, 1, 1) / 255
    expected = (expected - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(1, 3, 1, 1)
    torch.testing.assert_close(made.data.normalise(pixels), expected)
    network = new_state(made.inputs, made.config, 0).network
    assert torch.equal(network.convolution.weight, torch.load(weights)["convolution.weight"])
    assert make_run(made)[0].execute().completed
    own = prepare(NormDropNet, search=LR, normalisation="data")
    assert own.data.mean.shape[1] == 1


def test_weights_of_grey_images_keep_the_training_images_normalisation(prepare: Make, file: Path) -> None:
    assert torch.equal(prepare(search=LR, weights=str(file)).data.mean, prepare(search=LR).data.mean)


def test_weights_of_a_run_bring_their_own_normalisation(prepare: Make, file: Path) -> None:
    mean, std = torch.full((1, 1, 1, 1), 11.0), torch.full((1, 1, 1, 1), 7.0)
    own = written(file, {"network": torch.load(file), "mean": mean, "std": std})
    made = prepare(search=LR, weights=own)
    assert (made.data.mean.item(), made.data.std.item()) == (11.0, 7.0)
    assert "as those were that the weights were trained with" in made.inputs.warnings[0]
    assert prepare(search=LR, weights=own, normalisation="data").data.mean.item() != 11.0


def test_imagenets_normalisation_needs_grey_or_colour(prepare: Make) -> None:
    random = np.random.default_rng(0)
    parts = [Images(random.integers(0, 256, (n, 2, 12, 12), np.uint8), np.arange(n) % 3) for n in (60, 20, 20)]
    with pytest.raises(ConfigError, match="it has three channels, and the images have 2"):
        prepare(NormDropNet, ImageDataset("two", ("a", "b", "c"), *parts), search=LR, normalisation="imagenet")
    made = prepare(
        NormDropNet, ImageDataset("three", ("a", "b", "c"), *(stripes(n, n) for n in (60, 21, 21))), search=LR
    )
    assert made.inputs.warnings == ()
