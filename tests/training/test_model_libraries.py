"""Networks of libraries by their names, and arguments of constructors from the command line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hptui import registry
from hptui.config import Layer, StudyConfig, resolve
from hptui.config.layers import from_plain, to_plain
from hptui.config.study import plug_in_forms
from hptui.datasets import ImageDataset, Images
from hptui.errors import ConfigError, ModelError
from hptui.record.own_code import own_settings
from hptui.training.engine.building import build_network
from hptui.training.inputs import prepare_inputs

from .conftest import Prepared, make_run

Make = Callable[..., Prepared]


def noise(side: int, channels: int, classes: int = 3) -> ImageDataset:
    random = np.random.default_rng(0)
    counts = (24, 12, 12)
    parts = [
        Images(random.integers(0, 256, (n, channels, side, side), np.uint8), np.arange(n) % classes) for n in counts
    ]
    return ImageDataset("noise", tuple(map(str, range(classes))), *parts)


def configured(model: str, **settings: Any) -> StudyConfig:
    few = {"dataset": "digits", "epochs": 1, "set": {"batch_size": 8}, "search": {"lr": "1e-3:1e-2:log:2"}}
    return resolve([Layer("test", {"strategy": "grid"} | few | {"model": model, "threads": 1} | settings)]).config


def needs(package: str) -> Any:
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"needs {package}")


@pytest.mark.parametrize(
    ("model", "side", "channels"),
    [
        *(
            (model, 32, channels)
            for model in ("torchvision:shufflenet_v2_x0_5", "torchvision:mobilenet_v3_small")
            for channels in (1, 2, 3)
        ),
        *(pytest.param("timm:test_resnet", 28, channels, marks=needs("timm")) for channels in (1, 2, 3)),
        pytest.param("timm:test_vit", 32, 1, marks=needs("timm")),
        pytest.param("monai:resnet10", 28, 1, marks=needs("monai")),
    ],
)
def test_classes_and_channels_are_fitted(model: str, side: int, channels: int) -> None:
    config = configured(model)
    inputs = prepare_inputs(config, dataset=noise(side, channels))
    assert inputs.warnings == ()
    network = build_network(inputs.factory, model, inputs.data, seed=0)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == channels
    assert make_run(Prepared(config, inputs))[0].execute().completed


@needs("monai")
@pytest.mark.parametrize("name", ["densenet121", "efficientnet_b0", "seresnet50", "vit"])
def test_constructors_of_monai_have_names_of_their_own_for_channels_and_classes(name: str) -> None:
    network = registry.load("models", f"monai:{name}")(in_channels=2, num_classes=3, image_size=(32, 32)).eval()
    answer = network(torch.zeros(1, 2, 32, 32))
    assert (answer[0] if isinstance(answer, tuple) else answer).shape == (1, 3)


def test_an_extra_output_is_left_out_unless_it_is_asked_for() -> None:
    plain = registry.load("models", "torchvision:googlenet")(in_channels=1, num_classes=3, image_size=(64, 64))
    assert plain.aux1 is None


def test_images_that_are_too_small_are_told() -> None:
    with pytest.raises(ModelError, match=r"of 1x28x28: .*They are too small: it takes 64 x 64; use --image-size 64"):
        prepare_inputs(configured("torchvision:alexnet"), dataset=noise(28, 1))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("torchvision:resnet81", r"torchvision has no model 'resnet81'\. Did you mean 'resnet18'\?"),
        pytest.param("timm:resnet81", r"timm has no model 'resnet81'\. Did you mean 'resnet18'", marks=needs("timm")),
        pytest.param("monai:unet", "monai has no model 'unet' for images and classes", marks=needs("monai")),
    ],
)
def test_an_unknown_network_names_those_that_are_near(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.load("models", model)


@pytest.mark.parametrize("library", ["timm", "monai"])
def test_a_library_that_is_missing_is_told_with_how_to_install_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else found(name))
    with pytest.raises(ConfigError, match=rf"needs the package {library}; install it with: pip install 'hptui\["):
        registry.load("models", f"{library}:resnet18")


def test_the_name_of_a_library_alone_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="write torchvision:NAME"):
        configured("torchvision")


def test_a_library_is_no_code_of_the_users_own() -> None:
    """Nobody is asked whether it may be run; modules within it, and files of its name, are still the user's own."""
    assert not registry.is_own("torchvision:resnet18")
    assert registry.is_own("torchvision.models:resnet18")
    assert registry.is_own("timm.py:Net")
    assert own_settings(configured("torchvision:resnet18")) == {}
    assert "timm:NAME" in plug_in_forms("model")
    assert "timm:NAME" not in plug_in_forms("optimizer")
    assert not {"timm", "torchvision", "monai"} & set(registry.names("models"))


class NeedsArguments(nn.Module):
    memory_format = None

    def __init__(self, depth: int, width: int, num_classes: int, named: str = "x", layers: Any = ()) -> None:
        super().__init__()
        self.named, self.layers = named, layers
        self.output = nn.Linear(depth * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(x.flatten(1))


class OddNames(NeedsArguments):
    def __init__(self, n_channels: int, n_classes: int = 7) -> None:
        super().__init__(12 * n_channels, 12, n_classes)


def test_arguments_of_a_constructor(prepare: Make) -> None:
    arguments = ["depth=12", "width=12", "named=a=b", "layers=(1,2.5,true)"]
    made = prepare(NeedsArguments, search={"lr": "1e-3:1e-1:log:2"}, model_args=arguments)
    assert made.config.model_args == {"depth": 12, "width": 12, "named": "a=b", "layers": "(1,2.5,true)"}
    run, _ = make_run(made)
    assert run.network.named == "a=b"
    odd = prepare(OddNames, search={"lr": "1e-3:1e-1:log:2"}, model_args="n_channels=1 n_classes=3")
    assert odd.config.model_args == {"n_channels": 1, "n_classes": 3}


def test_arguments_win_over_what_hptui_gives(prepare: Make) -> None:
    with pytest.raises(ModelError, match=r"with \(2, 5\); stripes has 3 classes"):
        prepare(NeedsArguments, search={"lr": "1e-3:1e-1:log:2"}, model_args="depth=12 width=12 num_classes=5")


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        (
            NeedsArguments,
            "",
            "wants depth and width, which hptui does not know. A model's constructor gets those of in_",
        ),
        (NeedsArguments, "", "Give them with --model-args depth=... --model-args width=..."),
        (OddNames, "n_chanels=1", "has no argument 'n_chanels' (model_args): it takes n_channels, n_classes"),
        (NeedsArguments, "depth=3 width=3", "does not take images of 1x12x12: RuntimeError: "),
        (NeedsArguments, "depth=x width=3", "cannot be built: TypeError"),
        (NeedsArguments, "depth=x width=3", "(test_model_libraries.py, line"),
        (NeedsArguments, "depth=x width=3", "num_classes and image_size (height, width)"),
    ],
)
def test_what_is_wrong_names_the_contract_and_the_line(
    prepare: Make, factory: Any, arguments: str, message: str
) -> None:
    with pytest.raises(ModelError) as raised:
        prepare(factory, search={"lr": "1e-3:1e-1:log:2"}, model_args=arguments)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("28", 28),
        ("1e-3", 1e-3),
        ("true", True),
        ("False", False),
        ("'28'", "28"),
        ("mean", "mean"),
        ("(1,2)", [1, 2]),
        ("[1,'a']", [1, "a"]),
        ("a=b", "a=b"),
    ],
)
def test_text_of_an_argument_and_back(text: str, value: Any) -> None:
    config = configured("lenet", model_args=[f"name={text}"])
    assert config.model_args == {"name": value}
    assert type(config.model_args["name"]) is type(value)
    assert from_plain(to_plain(config), "file").model_args == config.model_args
    again = resolve([Layer("a report's command", {"model_args": [f"name={value!r}"]})]).config
    assert again.model_args == config.model_args


@pytest.mark.parametrize("wrong", ["depth", "depth=", "=3", "2x=3", "depth={1: 2}", "depth=None"])
def test_what_is_no_argument_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="model_args"):
        configured("lenet", model_args=[wrong])


def test_an_own_files_mistake_at_import_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import torch\n\nprint(undefined)\n", "utf-8")
    with pytest.raises(ConfigError, match=r"cannot be imported: NameError: name 'undefined' .* \(net.py, line 3\)"):
        registry.load("models", f"{tmp_path / 'net.py'}:Net")
    (tmp_path / "odd.py").write_text("a = 1\nb = (\n", "utf-8")
    with pytest.raises(ConfigError, match=r"SyntaxError: '\(' was never closed.* \(odd.py, line 2\)"):
        registry.load("models", f"{tmp_path / 'odd.py'}:Net")
