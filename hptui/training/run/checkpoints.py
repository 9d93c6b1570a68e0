"""Checkpoints: written beside the old one, renamed when complete, the two newest kept, loaded without pickle."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from hptui.errors import RunDirectoryError, TrainingError, failure_words
from hptui.record.checkpoint_names import Moment, checkpoints, next_moment
from hptui.record.files import replacing
from hptui.record.mending import add_log, durable_log
from hptui.record.run_directory import CHECKPOINTS, read_origin
from hptui.record.seals import Origin, check_archive, seal_archive
from hptui.record.write_errors import cannot_write

KEPT = 2


def save_checkpoint(run: Path, step: int, content: dict[str, Any], last: Moment | None = None) -> Moment:
    """Save, and remove what is older than the two newest.

    So are those of a later moment: a strategy went back since, and on from there, or they could not be used.

    Args:
        run: its directory.
        step: batches trained.
        content: tensors and plain data.
        last: the checkpoint that was written or restored last.

    Raises:
        TrainingError: it cannot be written; earlier checkpoints are untouched.
    """
    moment = next_moment(run, step, last)
    try:
        log = durable_log(run)
    except OSError as error:
        raise TrainingError(f"cannot read the log of {run}: {error.strerror}.") from None
    save_file(run / CHECKPOINTS / moment.file, content, read_origin(run, *moment), log)
    kept = [one for one in _files(run) if one <= moment]
    _remove(run, [one for one in _files(run) if one not in kept[-KEPT:]])
    return moment


class _Disk:
    """A file that remembers why it could not be written: torch tells a full disk in words of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, piece: bytes) -> int:
        try:
            return self._file.write(piece)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def save_file(path: Path, content: dict[str, Any], origin: Origin, log: bytes | None = None) -> None:
    """torch.save with a seal, complete or not at all.

    Args:
        path: the file.
        content: tensors and plain data.
        origin: what it belongs to.
        log: of the run, to be put back if it is lost.

    Raises:
        TrainingError: it cannot be written; a file that was there is untouched.
    """
    disk = None
    try:
        with replacing(path) as file:
            disk = _Disk(file)
            torch.save(content, cast(BinaryIO, disk))
            if log is not None:
                add_log(file, log)
            seal_archive(file, origin)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else disk and disk.error
        if cause:
            raise TrainingError(cannot_write(path, cause, _size(content) + len(log or b""))) from error
        raise TrainingError(f"cannot write {path}: {str(error).splitlines()[0]}.") from error


def _size(tree: Any) -> int:
    """Bytes of all tensors, which is nearly the file's size."""
    if isinstance(tree, torch.Tensor):
        return tree.nbytes
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    return sum(map(_size, parts))


def keep_newest(run: Path) -> None:
    """A completed run needs one checkpoint, to go on from if epochs are added."""
    _remove(run, _files(run)[:-1])


def _files(run: Path) -> list[Moment]:
    """Checkpoints from the oldest to the newest; somebody may have put something else under such a name."""
    return [moment for moment, path in checkpoints(run).items() if path.is_file()]


def _remove(run: Path, moments: Iterable[Moment]) -> None:
    found = checkpoints(run)
    for moment in moments:
        found[moment].unlink(missing_ok=True)


def restore_newest(run: Path, device: torch.device, restore: Callable[[dict[str, Any]], object]) -> Moment | None:
    """Restore the newest checkpoint that is whole, the run's own, and fits; None if the run has none.

    Args:
        run: its directory.
        device: where the tensors go.
        restore: takes everything from a checkpoint; called with an older one where it cannot.

    Raises:
        TrainingError: there are checkpoints, and none can be used, or fits; nothing is trained again silently.
    """
    problems, misfit = [], ""
    for moment, path in reversed(checkpoints(run).items()):
        try:
            origin = check_archive(path, read_origin(run))
            if origin is not None and moment != (origin.step, origin.number):
                raise RunDirectoryError(f"{path} is the checkpoint of {origin}.")
            content = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:  # see load_file; a damaged newest one is what the older one is kept for
            problems.append(f"{path.name}: {_reason(error)}")
            continue
        try:
            restore(content)
            return moment
        except TrainingError:
            raise
        except Exception as error:  # own code takes back what it gave
            misfit = misfit or f"{path.name}: {misfit_words(error)}"
    if misfit:
        raise TrainingError(
            f"{run.name} cannot go on: its checkpoint is whole, but does not fit the network or optimizer that is "
            f"built now ({misfit}). Is a file that its code reads, or a package, another one than when it was begun? "
            "Put that back and resume; nothing is lost."
        )
    if problems:
        raise TrainingError(
            f"no checkpoint of {run.name} can be used ({'; '.join(problems)}); "
            "remove its checkpoints folder to begin it anew."
        )
    return None


def load_file(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `save_file` wrote, with its tensors on `device`.

    Raises:
        RunDirectoryError: it is not there, damaged, or lies in the folder of another run.
    """
    try:
        check_archive(path, read_origin(path.parent))
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except RunDirectoryError:
        raise
    except Exception as error:  # zip archive, pickle and torch's older format each fail in their own ways
        raise RunDirectoryError(f"{path} cannot be read: {_reason(error)}.") from error
    if not isinstance(content, dict) or "network" not in content:
        raise RunDirectoryError(f"{path} cannot be read: it holds no network.")
    return content


def misfit_words(error: Exception) -> str:
    """What does not fit, of an error of load_state_dict: its first line names the class alone."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    begins = bool(lines) and lines[0].startswith("Error(s) in loading state_dict")
    return lines[1].rstrip(".") if begins and len(lines) > 1 else failure_words(error)


def _reason(error: Exception) -> str:
    """Words for the user; torch's own advise to load what may be malicious."""
    match error:
        case RunDirectoryError():
            return str(error).removesuffix(".")
        case OSError():
            return error.strerror or "damaged"
    return "damaged"


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
    one, other = (tensor.to_dense() if tensor.is_sparse else tensor for tensor in (one, other))
    if torch.allclose(one, other, rtol=0, atol=0, equal_nan=True):
        return 0.0
    double = torch.complex128 if one.is_complex() else torch.float64
    return float((one.to(double) - other.to(double)).abs().nan_to_num(nan=math.inf).max())


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
