"""Where the files of a data set are looked for: one answer for the reading of it and for a form that only asks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import platformdirs

from hptui.errors import ConfigError, DatasetError

_KINDS = {".csv": "table:{}", ".tsv": "table:{}", ".txt": "table:{}", ".npz": "medmnist:{}", ".py": "{}:FUNCTION"}
"""how files of a suffix are named"""


def folder_of_data(data_dir: Path | None) -> Path:
    """Folder of the data: --data-dir, or the user's cache."""
    return platformdirs.user_cache_path("hptui") / "datasets" if data_dir is None else expanded(data_dir)


def data_places(path: str, data_dir: Path | None, below: Iterable[str]) -> tuple[Path, ...]:
    """Where a path is looked for, in order: below folders of the data folder ("": itself), then in the current one.

    Raises:
        DatasetError: it begins with the home folder of a user that there is not.
    """
    wanted = expanded(Path(path))
    candidates = [*(folder_of_data(data_dir) / folder / wanted for folder in below), Path.cwd() / wanted]
    return tuple(dict.fromkeys(candidates))  # an absolute path makes them all equal


def not_there(spec: str, what: str, places: Iterable[Path]) -> str:
    """What is said of a data set whose path is in none of these places."""
    return f"{spec}: there is no such {what} (looked for {', '.join(map(str, places))})."


def expanded(path: Path) -> Path:
    """A path with its `~` replaced; raise DatasetError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise DatasetError(f"{path}: there is no such user's home folder.") from error


def refuse_bare_path(spec: str) -> None:
    """Refuse a data set that is written as a path alone; raise ConfigError with what to write."""
    if (written := with_its_kind(spec)) is not None:
        raise ConfigError(f"dataset = {spec!r} is a path without the kind of data it is; write {written}.")


def with_its_kind(spec: str) -> str | None:
    """What a path was to be written as; None: there is nothing, or nothing that hptui reads."""
    path = Path(spec).expanduser()
    try:
        if spec.strip() and path.is_dir():
            return f"folder:{spec}"
        kind = _KINDS.get(path.suffix.lower()) if path.is_file() else None
    except OSError:
        return None
    return kind.format(spec) if kind is not None else None
