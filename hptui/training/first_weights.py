"""Building a network whose first weights have gone: a pretrained file that was moved, a download without a network.

Own code often reads them while it builds. Where all weights are put into the network afterwards, what they were at
first is beside the point, so that a missing file need not stand in the way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn


class _Nothing(dict[Any, Any]):
    """Stands in the place of a checkpoint that cannot be read: whatever is looked up in it is nothing as well."""

    def __missing__(self, key: object) -> _Nothing:
        return self

    def get(self, *_: object) -> Any:
        return self

    def pop(self, *_: object) -> Any:
        return self


@contextmanager
def first_weights_left_out() -> Iterator[None]:
    """While it lasts, weights that cannot be read are nothing, and no network takes any.

    It holds for the whole process: only where nothing else builds or trains.
    """
    with ExitStack() as stack:
        stack.enter_context(patch.object(torch, "load", _forgiving(torch.load)))
        stack.enter_context(patch.object(nn.Module, "load_state_dict", _take_none))
        for name in ("torch.hub", "torchvision.models._api"):  # the latter has a name of its own for the same
            module = sys.modules.get(name)
            download = getattr(module, "load_state_dict_from_url", None)
            if module is not None and download is not None:
                stack.enter_context(patch.object(module, "load_state_dict_from_url", _forgiving(download)))
        yield


def _forgiving(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_or_nothing(*arguments: Any, **options: Any) -> Any:
        try:
            return read(*arguments, **options)
        except OSError:  # no file, and as well no network
            return _Nothing()

    return read_or_nothing


def _take_none(*_: Any, **__: Any) -> Any:
    return nn.modules.module._IncompatibleKeys([], [])
