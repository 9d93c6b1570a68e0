"""Studies and runs by what people call them: a path, a name among the user's studies, or the beginning of one."""

from __future__ import annotations

import os
from pathlib import Path

from hptui.errors import RunDirectoryError, nearest_first
from hptui.record.run_directory import RUN_FILE
from hptui.record.study_folders import holds_study, shown, studies_folder

SHOWN = 5
"""of the names that a beginning could mean, or that are near, so many are told"""


def study_directories(folder: Path) -> list[Path]:
    """Folders within `folder` that hold a study, by name."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return []
    return [folder / name for name in names if holds_study(folder / name)]


def study_names() -> list[str]:
    """Names of the user's studies, the newest first as far as the names begin with a date."""
    return [directory.name for directory in reversed(study_directories(studies_folder()))]


def find_study(text: str | Path, *, whole: bool = False) -> Path:
    """The folder of the study that is meant: a path, else a name or its beginning among the user's studies.

    A path that leads to no study is given back as it is where no study has that name: whoever opens it says what is
    wrong with it.

    Args:
        text: what was written.
        whole: a beginning of a name will not do: what is done cannot be undone.

    Raises:
        RunDirectoryError: several studies are meant, or none is known by that name.
    """
    path, name = Path(text), str(text).rstrip(os.sep)
    if holds_study(path):
        return path
    if name in ("", ".", "..") or os.sep in name:
        return path
    names = study_names()
    meant = [name] if name in names else [known for known in names if known.startswith(name)]
    if len(meant) == 1 and (not whole or meant == [name]):
        return studies_folder() / meant[0]
    if _is_folder(path):
        return path
    if len(meant) == 1:
        raise RunDirectoryError(
            f"{shown(name)!r} is the beginning of a study's name; this cannot be undone, and needs the whole: "
            f"{_some(meant)}."
        )
    if meant:
        raise RunDirectoryError(
            f"{shown(name)!r} is the beginning of {len(meant)} studies: {_some(meant)}. Write more of the name."
        )
    near = nearest_first(name, names)
    hint = f" Did you mean {_some(near)}?" if near else " hptui list shows them."
    raise RunDirectoryError(
        f"{shown(name)} is not a study: there is no such folder, and none of yours is called so.{hint}"
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no folder can have
        return False


def find_run(text: str | Path) -> Path:
    """The folder of the run that is meant: a path, or STUDY/RUN with the study as `find_study` takes it.

    Raises:
        RunDirectoryError: as `find_study`, or the study has no such run.
    """
    path = Path(text)
    begun = os.path.lexists(path / RUN_FILE)
    if begun or path.is_absolute() or len(path.parts) != 2:
        return find_study(path) if len(path.parts) == 1 and not begun else path
    study, run = path.parts
    directory = find_study(study)
    names = run_names(directory)
    meant = [run] if run in names else [known for known in names if known.startswith(run)]
    if len(meant) == 1:
        return directory / meant[0]
    if not names:
        return directory / run  # whoever opens it says what is wrong
    told = f"is the beginning of several runs: {_some(meant)}" if meant else f"is no run of it; it has {_some(names)}"
    raise RunDirectoryError(f"{shown(directory)}: {shown(run)!r} {told}.")


def run_names(study: Path) -> list[str]:
    """Runs of a study that have begun."""
    return sorted(path.parent.name for path in study.glob(f"*/{RUN_FILE}"))


def _some(names: list[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:SHOWN])
    return f"{listed} and {len(names) - SHOWN} more" if len(names) > SHOWN else listed
