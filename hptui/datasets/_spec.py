"""From what the user typed to a data set that is checked: a name, a path, or own code."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
from pathlib import Path
from typing import Any

from hptui import registry
from hptui.config.data_places import refuse_bare_path
from hptui.datasets import DatasetRequest, ImageDataset
from hptui.datasets._check import check
from hptui.datasets._request import one_line
from hptui.errors import ConfigError, DatasetError, HptuiError, own_place
from hptui.headway import tell


def check_spec(spec: str) -> None:
    """Verify that `spec` names a data set, without importing it or reading data.

    Args:
        spec: `mnist`, `folder:PATH`, `path/file.py:function` or `module:function`; a built-in name before the
            first colon wins, because `folder:data` has the form of `module:function` too

    Raises:
        ConfigError: unknown name (says the nearest valid one), or the file of an own function is missing.
    """
    name = spec.partition(":")[0]
    if name in registry.names("datasets"):
        return
    path = registry.own_file(spec)
    if path is not None:
        if not path.is_file():
            raise ConfigError(f"{spec!r}: there is no file {path}. Write path/file.py:function.")
    elif not registry.is_own(spec) or not _is_module(name.partition(".")[0]):
        refuse_bare_path(spec)
        registry.check_name("datasets", name)


def request_dataset(
    spec: str, *, data_dir: Path | None, image_size: int | None, split_seed: int, **wishes: Any
) -> ImageDataset:
    """Load and check the data set that `spec` names (see `check_spec`).

    Args:
        spec: its name.
        data_dir: see `DatasetRequest`, as all that follows.
        image_size: of images that are resized.
        split_seed: of splits that are made.
        **wishes: further fields of `DatasetRequest`.

    Raises:
        ConfigError: the name is unknown, an own file cannot be imported, or a setting is not for this data set.
        DatasetError: the data are missing or damaged, or an own function failed.
    """
    check_spec(spec)
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image size {image_size} is not a positive number of pixels.")
    name, _, argument = spec.partition(":")
    built_in = name in registry.names("datasets")
    request = DatasetRequest(argument if built_in else "", data_dir, image_size, split_seed, **wishes)
    if request.column and built_in and registry.constant("datasets", name, "TAKES_COLUMNS") is not True:
        raise ConfigError(f"column: only a table has columns; data set {name!r} has none. Write --dataset table:PATH.")
    dataset = registry.load("datasets", name)(request) if built_in else _call_own(spec, request)
    tell("checking the images")
    try:
        checked = check(
            dataset,
            group_pattern=request.group_pattern,
            run_pattern=request.run_pattern if request.group_pattern is None else None,
            allow_overlap=request.allow_overlap,
            known_keys=built_in,
            least_classes=request.least_classes,
        )
    except DatasetError as error:
        raise DatasetError(f"{spec}: {error}") from error
    height, width = checked.train.pixels.shape[2:]
    if image_size is not None and (height, width) != (image_size, image_size):
        then = "leave out --image-size" if request.trained_depth is None else f"the network takes {image_size} pixels"
        raise DatasetError(f"{spec} has images of {height} x {width} and does not resize; {then}.")
    return checked


def _call_own(spec: str, request: DatasetRequest) -> object:
    """Call the user's function with the request if it takes a positional parameter, else without."""
    function = registry.load_own(spec)
    if not callable(function):
        raise DatasetError(f"{spec} is a {type(function).__name__}, not a function that returns an ImageDataset.")
    try:
        positional = any(
            parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
            for parameter in inspect.signature(function).parameters.values()
        )
        returned: object = function(request) if positional else function()
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:  # a function that was written as a script may leave
        raise DatasetError(f"{spec} failed: {one_line(error)}{own_place(error)}") from error
    return returned


def _is_module(name: str) -> bool:
    """Whether `import name` would find something, here or in the current folder, without importing it."""
    try:
        return bool(importlib.util.find_spec(name) or importlib.machinery.PathFinder.find_spec(name, [str(Path.cwd())]))
    except (ImportError, ValueError):  # ValueError: an empty name, or a module made by hand
        return False
