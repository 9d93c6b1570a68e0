"""Studies renamed, cleaned and deleted: only folders that hptui made, none that is trained, and no link followed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.record.contents import contents, needless
from hptui.record.machine_paths import forget_jobs, forget_paths
from hptui.record.presence import LOCK, kept_from_writers, refuse_if_written
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import STUDY_FILE, shown

BEGINNINGS = (b"checksum = ", b"schema = ")
"""of every study.toml that hptui wrote, damaged or not"""


def clean_study(directory: Path) -> int:
    """Remove what nobody needs any more (`contents.needless`), and say how many bytes that were.

    Raises:
        RunDirectoryError: this is no study, it is trained now, or a file cannot be removed.
    """
    with _held(directory):
        return remove_needless(open_study(directory))


def remove_needless(study: Study) -> int:
    """Remove what is needless, for whoever holds the study already; bytes that are free since."""
    found = needless(study)
    _remove(found)
    return sum(found.values())


def delete_study(directory: Path) -> list[Path]:
    """Remove a study, study.toml last: what was interrupted can be done again.

    Returns:
        files that hptui did not write: they are left where they are.

    Raises:
        RunDirectoryError: this is no study that hptui made, it is trained now, or a file cannot be removed.
    """
    with _held(directory):
        with contextlib.suppress(RunDirectoryError):  # a damaged one has no identity
            identity = open_study(directory).id
            forget_paths(identity)
            forget_jobs(identity, directory)
        found = contents(directory)
        last = [directory / STUDY_FILE, directory / LOCK]
        _remove(path for path in found.own if path not in last)
        _remove_empty(directory)
        _remove(last)
    with contextlib.suppress(OSError):
        directory.rmdir()
    return found.foreign


def rename_study(directory: Path, name: str) -> Path:
    """Give a study's folder another name beside its neighbours; all that is in it stays readable: none has its name.

    Raises:
        RunDirectoryError: this is no study that hptui made, it is trained now, or the name cannot be used.
    """
    target = directory.parent / checked_name(name)
    with _held(directory):
        if target.exists() or target.is_symlink():
            raise RunDirectoryError(f"there is already something called {shown(target)}; choose another name.")
        try:
            directory.rename(target)
        except OSError as error:
            raise RunDirectoryError(f"cannot rename {shown(directory)}: {error.strerror}.") from None
    return target


def checked_name(name: str) -> str:
    """A name that a folder can have and a command can be given; raise RunDirectoryError for any other."""
    name = name.strip()
    if not name or name.startswith((".", "-", "~")) or "/" in name or "\\" in name or not name.isprintable():
        raise RunDirectoryError(
            f"{shown(name)!r} cannot be a study's name: it takes letters, digits and signs without slashes, "
            "and does not begin with a dot, a dash or a tilde."
        )
    return name


def require_own(directory: Path) -> None:
    """Raise RunDirectoryError unless this is a folder of a study that hptui made, and no link to one."""
    if directory.is_symlink():
        raise RunDirectoryError(f"{shown(directory)} is a link; name the folder that it leads to.")
    file = directory / STUDY_FILE
    try:
        with open_regular(file) as opened:
            made = not file.is_symlink() and opened.read(len(BEGINNINGS[0])).startswith(BEGINNINGS)
    except OSError as error:
        raise RunDirectoryError(
            f"{shown(directory)} is not a study: cannot read {STUDY_FILE}, {error.strerror}."
        ) from None
    if not made:
        raise RunDirectoryError(f"hptui did not write {shown(file)}; remove that folder by hand if you want it gone.")


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    """The study with nobody writing in it or in one of its runs, while the block lasts."""
    require_own(directory)
    with kept_from_writers(directory):
        for run in directory.iterdir():
            if run.is_dir() and not run.is_symlink():
                refuse_if_written(run)
        yield


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"cannot remove {shown(path)}: {error.strerror}.") from None


def _remove_empty(directory: Path) -> None:
    """Remove the empty folders below one, the innermost first."""
    for path in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
        if not path.is_symlink():
            with contextlib.suppress(OSError):  # something is left in it
                path.rmdir()
