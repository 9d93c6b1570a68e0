"""Which pages (frames) of a file make its image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hptui.config.page_rule import FORMS, parse_pages
from hptui.datasets._image_header import ImageForm
from hptui.errors import DatasetError

Page = npt.NDArray[Any]


def wanted_pages(path: Path, count: int, pages: str | None) -> list[int]:
    """Numbers of the pages to be read, counted from 0.

    Raises:
        DatasetError: the file has several and nobody has said which, or not as many.
    """
    if count == 1 and pages is None:
        return [0]
    if pages is None:
        raise DatasetError(
            f"{path} has {count} pages (frames); say which are the image: --pages of a training takes {FORMS}."
        )
    rule = parse_pages(pages)
    if isinstance(rule, int):
        if rule > count:
            raise DatasetError(f"{path} has {count} page{'s' * (count > 1)}; there is no page {rule} (--pages).")
        return [rule - 1]
    return {"first": [0], "middle": [count // 2], "last": [count - 1]}.get(rule, list(range(count)))


def page_channels(path: Path, form: ImageForm, pages: int) -> int:
    """Channels that each page gives to an image; raise DatasetError where its pages are too few or too many."""
    joined = pages if form.pages == "all" else 1
    if form.channels % joined:
        raise DatasetError(f"{path} has {pages} pages, which do not make {form.channels} channels (--pages all).")
    return form.channels // joined


def one_image(read: Sequence[Page], pages: str | None) -> Page:
    """(C, H, W) of the pages that were read, each (C, H, W)."""
    if len(read) == 1:
        return read[0]
    if pages == "all":
        return np.concatenate(read)
    return np.asarray(np.mean(read, axis=0, dtype=np.float32) if pages == "mean" else np.max(read, axis=0))
