"""Checkpoints: written beside the old one, renamed when complete, the two newest kept, loaded without pickle."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record.run_directory import CHECKPOINTS

KEPT = 2


def save_checkpoint(run: Path, step: int, content: dict[str, Any]) -> str:
    """Save and return the file's name relative to the run; older than the two newest are removed.

    So are those of a later step: a strategy went back since, and on from there.

    Raises:
        TrainingError: it cannot be written; earlier checkpoints are untouched.
    """
    folder = run / CHECKPOINTS
    name = f"step-{step:09d}.pt"
    save_file(folder / name, content)
    for left in [path for path in folder.glob("step-*.pt") if path.name > name]:
        left.unlink(missing_ok=True)
    for old in sorted(folder.glob("step-*.pt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return f"{CHECKPOINTS}/{name}"


def save_file(path: Path, content: dict[str, Any]) -> None:
    """torch.save, complete or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise TrainingError(f"cannot save {path}: {reason}.") from error


def keep_newest(run: Path) -> None:
    """A completed run needs one checkpoint, to go on from if epochs are added."""
    for old in sorted((run / CHECKPOINTS).glob("step-*.pt"))[:-1]:
        old.unlink(missing_ok=True)


def load_newest(run: Path, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, with its tensors on `device`; None if the run has none.

    Raises:
        TrainingError: there are checkpoints, but none can be read; nothing is trained again silently.
    """
    problem = ""
    for path in sorted((run / CHECKPOINTS).glob("step-*.pt"), reverse=True):
        try:
            content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:  # see load_file; a damaged newest one is what the older one is kept for
            problem = problem or f"{path.name}: {_reason(error)}"
            continue
        return content
    if problem:
        raise TrainingError(
            f"no checkpoint of {run.name} can be read ({problem}); remove its checkpoints folder to begin it anew."
        )
    return None


def load_file(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `save_file` wrote, with its tensors on `device`.

    Raises:
        RunDirectoryError: it is not there, or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # zip archive, pickle and torch's older format each fail in their own ways
        raise RunDirectoryError(f"{path} cannot be read: {_reason(error)}.") from error
    if not isinstance(content, dict) or "network" not in content:
        raise RunDirectoryError(f"{path} cannot be read: it holds no network.")
    return content


def _reason(error: Exception) -> str:
    """Torch's own words advise to load what may be malicious."""
    return (error.strerror or "damaged") if isinstance(error, OSError) else "damaged"


def largest_difference(one: Path, other: Path) -> tuple[str, int, float]:
    """Largest difference between the networks in two files: where it is, how many tensors there are, and how large.

    0: equal to the bit, but for the sign of a zero; not-a-number equals itself, and is infinitely far from a number.
    """
    first, second = (load_file(path)["network"] for path in (one, other))
    names = sorted(first.keys() | second.keys())
    differences = {name: _difference(first.get(name), second.get(name)) for name in names}
    largest = max(differences, key=differences.__getitem__)
    return largest, sum(isinstance(value, torch.Tensor) for value in first.values()), differences[largest]


def _difference(one: Any, other: Any) -> float:
    if not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)):
        return 0.0 if one == other else math.inf
    if one.shape != other.shape or one.dtype != other.dtype:
        return math.inf
    if torch.allclose(one, other, rtol=0, atol=0, equal_nan=True):
        return 0.0
    return float((one.double() - other.double()).abs().nan_to_num(nan=math.inf).max())


def require_plain(tree: object, owner: str) -> None:
    """Raise TrainingError unless `tree` is what a checkpoint can hold and give back without pickle."""
    if isinstance(tree, (dict, list, tuple)):
        for part in [*tree, *tree.values()] if isinstance(tree, dict) else tree:
            require_plain(part, owner)
    elif type(tree) not in (int, float, str, bool, type(None), torch.Tensor):
        raise TrainingError(
            f"{owner} keeps a {type(tree).__module__}.{type(tree).__name__} in its memory; "
            "it has to be plain data: numbers, text, lists, dicts (float(x) makes one of a NumPy number)."
        )
