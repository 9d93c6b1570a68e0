"""What every data set plug-in must do, whichever there are."""

from __future__ import annotations

import importlib
import subprocess
import sys
import typing

import pytest

from hptui import registry
from hptui.datasets import DatasetRequest, ImageDataset
from hptui.errors import DatasetError

PLUG_INS = registry.names("datasets")


def test_the_documented_plug_ins_are_there() -> None:
    assert {"mnist", "fashion_mnist", "digits", "medmnist", "folder"} <= set(PLUG_INS)


@pytest.mark.parametrize("name", PLUG_INS)
def test_a_plug_in_is_one_function_from_request_to_dataset(name: str) -> None:
    module = importlib.import_module(f"hptui.datasets.{name}")
    assert module.__all__ == [name]
    function = registry.load("datasets", name)
    assert function is getattr(module, name)
    hints = typing.get_type_hints(function)
    assert hints.pop("return") is ImageDataset
    assert list(hints.values()) == [DatasetRequest]
    assert function.__doc__


@pytest.mark.parametrize("name", PLUG_INS)
def test_an_argument_that_fits_no_plug_in_is_one_clear_line(name: str) -> None:
    with pytest.raises(DatasetError) as caught:
        registry.load("datasets", name)(DatasetRequest(argument="no/such/place.bin"))
    message = str(caught.value)
    assert "\n" not in message
    assert name in message
    assert "no/such/place.bin" in message


def test_importing_the_package_loads_no_torch() -> None:
    modules = ["_prepare", "_spec", *PLUG_INS]
    code = f"import sys, importlib\nfor m in {modules}: importlib.import_module('hptui.datasets.' + m)\n"
    code += "print(sorted({'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
