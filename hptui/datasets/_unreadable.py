"""Image files that cannot be read: all of them in one message, so that nobody has to try again for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import TypeVar

from hptui.datasets import DatasetRequest
from hptui.errors import DatasetError

Decoded = TypeVar("Decoded")
Decode = Callable[[Sequence[Path], DatasetRequest], Decoded]
_NAMED = 3
"""files in a message"""


class UnreadableImageError(DatasetError):
    """One file that is damaged, or no image; others beside it may be so too."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path


def naming_all(refusal: Callable[[Path], UnreadableImageError | None]) -> Callable[[Decode[Decoded]], Decode[Decoded]]:
    """Have a function that decodes files go through the others when one cannot be read, and name all of them.

    Args:
        refusal: why a file cannot be read; None: it can.
    """

    def around(decode: Decode[Decoded]) -> Decode[Decoded]:
        @wraps(decode)
        def decoded(paths: Sequence[Path], request: DatasetRequest) -> Decoded:
            try:
                return decode(paths, request)
            except UnreadableImageError as first:
                bad = [error.path for error in _refusals(paths, refusal)]
                others = [path for path in bad if path != first.path]
                if not others:
                    raise
                named = ", ".join(map(str, others[:_NAMED])) + (", ..." if len(others) > _NAMED else "")
                also = f"{len(others):,} more of {len(paths):,} files cannot be read either: {named}"
                raise DatasetError(f"{first} ({also})") from first

        return decoded

    return around


def _refusals(
    paths: Sequence[Path], refusal: Callable[[Path], UnreadableImageError | None]
) -> Iterator[UnreadableImageError]:
    with ThreadPoolExecutor() as pool:
        yield from filter(None, pool.map(refusal, paths))
