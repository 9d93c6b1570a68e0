"""What plug-ins read from a request: the folder of the data, and the path after the colon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hptui.config.data_places import data_places, folder_of_data, not_there, with_its_kind
from hptui.datasets import DatasetRequest
from hptui.errors import DatasetError


def one_line(error: BaseException, longest: int = 200) -> str:
    """Type and message without line breaks, cut to a readable length: `URLError: no route to host`."""
    message = " ".join(str(error).split())
    if len(message) > longest:
        message = message[: longest - 1] + "…"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def data_folder(request: DatasetRequest) -> Path:
    """Folder of the data: --data-dir, or the user's cache."""
    return folder_of_data(request.data_dir)


def refuse_argument(name: str, request: DatasetRequest) -> None:
    if request.argument:
        raise DatasetError(f"data set {name!r} takes nothing after a colon (got {request.argument!r}): write {name}.")


def locate(
    name: str, request: DatasetRequest, *, below: tuple[str, ...], is_right: Callable[[Path], bool], what: str
) -> Path:
    """The path of `name:PATH`; a relative one is looked for below the data folder, then in the current one.

    `below` are the folders within the data folder that are tried, "" for itself; `is_right` is Path.is_file
    or Path.is_dir, and `what` says in messages what that is.

    Raises:
        DatasetError: no path was given, or there is none (says where it was looked for).
    """
    if not request.argument:
        raise DatasetError(f"data set {name!r} needs the path of a {what}: write {name}:PATH.")
    candidates = data_places(request.argument, request.data_dir, below)
    for candidate in candidates:
        try:
            if is_right(candidate):
                return candidate
        except OSError as error:
            raise DatasetError(f"{candidate} cannot be reached ({one_line(error)}).") from error
    if (other := next((candidate for candidate in candidates if candidate.exists()), None)) is not None:
        is_one, written = "folder" if other.is_dir() else "file", with_its_kind(request.argument)
        advice = f"; write {written}" if written is not None else ""
        raise DatasetError(f"{name}:{request.argument} needs a {what}, and {other} is a {is_one}{advice}.")
    raise DatasetError(not_there(f"{name}:{request.argument}", what, candidates))
