"""Checkpoints: written beside the old one, renamed when complete, the two newest kept, loaded without pickle."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from hptui.errors import TrainingError
from hptui.run_directory import CHECKPOINTS

KEPT = 2


def save_checkpoint(run: Path, step: int, content: dict[str, Any]) -> str:
    """Save and return the file's name relative to the run; older than the two newest are removed.

    Raises:
        TrainingError: it cannot be written; earlier checkpoints are untouched.
    """
    folder = run / CHECKPOINTS
    name = f"step-{step:09d}.pt"
    save_file(folder / name, content)
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


def load_newest(run: Path, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, with its tensors on `device`; None if there is none."""
    for path in sorted((run / CHECKPOINTS).glob("step-*.pt"), reverse=True):
        try:
            content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            continue  # a damaged newest one is what the older one is kept for
        return content
    return None
