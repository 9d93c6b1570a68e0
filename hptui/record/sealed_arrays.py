"""Sealed archives of arrays in a run's folder: written complete or not at all, and checked before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hptui.errors import RunDirectoryError, TrainingError
from hptui.opening import open_regular
from hptui.record.files import replacing
from hptui.record.run_directory import read_origin
from hptui.record.seals import check_archive, seal_archive
from hptui.record.write_errors import cannot_write

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy.typing as npt

Taken = TypeVar("Taken")


def write_arrays(run: Path, name: str, arrays: Mapping[str, npt.NDArray[Any]], step: int) -> None:
    """Write arrays by their keys.

    Args:
        run: its directory.
        name: of the file.
        arrays: what it holds.
        step: batches that the run has trained.

    Raises:
        TrainingError: the file cannot be written.
    """
    import numpy as np

    try:
        with replacing(run / name) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stub takes the names for its own options
            seal_archive(file, read_origin(run, step))
    except OSError as error:
        needed = sum(array.nbytes for array in arrays.values())
        raise TrainingError(cannot_write(run / name, error, needed)) from error


def read_arrays(run: Path, name: str, most: int, take: Callable[[Mapping[str, Any]], Taken]) -> Taken | None:
    """What `take` takes from the archive, by keys; None: there is no such file.

    Args:
        run: its directory.
        name: of the file.
        most: bytes that it may unpack to; an archive of some kB may unpack to anything.
        take: given the archive while it is open. What is no array in it is read as bytes.

    Raises:
        RunDirectoryError: the file is there, but damaged or another run's.
    """
    import numpy as np

    path = run / name
    try:
        check_archive(path, read_origin(run))
        with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            if sum(member.file_size for member in archive.zip.infolist()) > most:
                raise RunDirectoryError(f"{path} is damaged: it says that it holds more than {most >> 20:,} MB.")
            return take(archive)
    except FileNotFoundError:
        return None
    except RunDirectoryError:
        raise
    except Exception as error:  # of a damaged archive zipfile and NumPy raise nearly anything, down to their parsers'
        raise RunDirectoryError(f"{path} cannot be read ({(str(error).splitlines() or ['damaged'])[0]}).") from None
