"""Weights from a file as the beginning of a training: what fits is taken, and what does not is told."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hptui.errors import ConfigError, first_line

WITHIN = ("state_dict", "model_state_dict", "model", "network", "net", "weights", "params")
"""keys below which a checkpoint may keep the weights; hptui's own model.pt has them below network"""
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "backbone.", "encoder.")
"""that wrappers put before the names of weights (DataParallel, torch.compile, Lightning)"""
COUNTER = "num_batches_tracked"
"""of BatchNorm; older files do not have it, and nothing depends on it"""
NAMED = 4
"""weights that a sentence names one by one"""


@dataclass(frozen=True)
class Pretrained:
    """The content of a file of weights."""

    name: str
    tensors: Mapping[str, Tensor]
    """on the CPU"""
    digest: str
    """SHA-256 of the file: all runs of a study begin with the same"""
    statistics: tuple[Tensor, Tensor] | None = None
    """mean and deviation (1, C, 1, 1) of pixels in 0..255 that it was trained with, where the file tells them"""

    @property
    def channels(self) -> int | None:
        """Channels of the images that it was trained with, by its first convolution; None: it has none."""
        return next((tensor.shape[1] for tensor in self.tensors.values() if tensor.dim() == 4), None)


@dataclass(frozen=True)
class Taken:
    """What a network has from a file."""

    names: frozenset[str]
    lines: tuple[str, ...]
    """sentences for its owner"""


def read_weights(text: str) -> Pretrained:
    """Read a file of weights without running anything that is in it.

    Raises:
        ConfigError: it is not there, holds no weights, or something else than weights.
    """
    path = Path(text).expanduser()
    if not path.is_file():
        raise ConfigError(f"weights: there is no file {path}.")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    tensors = _tensors(content)
    if not tensors:
        raise ConfigError(f"weights: {path} holds no weights by name (a state_dict).")
    if broken := {name: tensor for name, tensor in tensors.items() if not _is_finite(tensor)}:
        raise ConfigError(f"weights: {path} has values that are no finite numbers, in {_some(broken)}.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    mean, std = (content.get(key) for key in ("mean", "std")) if "network" in content else (None, None)
    known = isinstance(mean, Tensor) and isinstance(std, Tensor) and mean.dim() == 4
    return Pretrained(path.name, tensors, digest, (mean, std) if known else None)  # type: ignore[arg-type]  # known


def _is_finite(tensor: Tensor) -> bool:
    wide = tensor.float() if tensor.element_size() == 1 else tensor  # of numbers of 8 bits torch does not say
    return bool(torch.isfinite(wide).all())


def _torch_file(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip archive, pickle and torch's older format each fail in their own ways
        what = (
            first_line(error) if isinstance(error, OSError) else "it is damaged, or a whole network and not its weights"
        )
        raise ConfigError(
            f"weights: {path} cannot be read ({what}); save them with torch.save(network.state_dict(), FILE)."
        ) from error
    return content if isinstance(content, Mapping) else {}


def _safetensors(path: Path) -> Mapping[str, Any]:
    if importlib.util.find_spec("safetensors") is None:
        raise ConfigError(f"weights: {path} needs the package safetensors; install it with: pip install 'hptui[timm]'")
    from safetensors.torch import load_file

    try:
        content: dict[str, Tensor] = load_file(path)
    except Exception as error:
        raise ConfigError(f"weights: {path} cannot be read: {first_line(error)}.") from error
    return content


def _tensors(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Weights by name, where they are or below one of the usual keys."""
    for inner in (content.get(key) for key in WITHIN):
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            content = inner
            break
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def load_weights(network: nn.Module, weights: Pretrained) -> Taken:
    """Put those weights into a network that have a name and a shape of its own; the others stay as they are.

    Raises:
        ConfigError: not one fits.
    """
    own = network.state_dict()
    prefix = max(("", *PREFIXES), key=lambda one: sum(_fits(name, tensor, own) for name, tensor in _cut(weights, one)))
    found = dict(_cut(weights, prefix))
    fitting = {name: tensor for name, tensor in found.items() if _fits(name, tensor, own)}
    if not fitting:
        raise ConfigError(
            f"weights: none of those in {weights.name} fit the network; the file has {_some(found)}, "
            f"the network {_some(own)}."
        )
    network.load_state_dict(fitting, strict=False)
    return Taken(frozenset(fitting), tuple(_lines(weights, own, found, fitting)))


def _cut(weights: Pretrained, prefix: str) -> Iterable[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), tensor) for name, tensor in weights.tensors.items())


def _fits(name: str, tensor: Tensor, own: Mapping[str, Tensor]) -> bool:
    return name in own and own[name].shape == tensor.shape


def _lines(
    weights: Pretrained, own: Mapping[str, Tensor], found: Mapping[str, Tensor], fitting: Mapping[str, Tensor]
) -> Iterable[str]:
    yield f"weights: {len(fitting)} of the network's {len(own)} tensors are those of {weights.name}"
    if other := [name for name in own if name in found and name not in fitting]:
        sizes = [f"{name} ({_shape(found[name])}, here {_shape(own[name])})" for name in other[:NAMED]]
        yield f"weights: of another size in the file, and begun anew: {_listed(sizes, len(other))}"
    if missing := [name for name in own if name not in found and not name.endswith(COUNTER)]:
        yield f"weights: missing in the file, and begun anew: {_listed(missing[:NAMED], len(missing))}"
    if unexpected := [name for name in found if name not in own]:
        yield f"weights: unexpected in the file, and left out: {_listed(unexpected[:NAMED], len(unexpected))}"


def _listed(shown: Iterable[str], count: int) -> str:
    names = list(shown)
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")


def _some(tensors: Mapping[str, Tensor]) -> str:
    return _listed([f"{name} ({_shape(tensor)})" for name, tensor in list(tensors.items())[:2]], len(tensors))


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
