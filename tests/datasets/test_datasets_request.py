"""From what the user typed to a checked data set: built-in names, own functions, mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hptui.datasets import ImageDataset
from hptui.datasets._spec import check_spec, request_dataset
from hptui.errors import ConfigError, DatasetError

OWN = """
import numpy as np
from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.errors import DatasetError

def make(seed=0, size=4):
    pixels = np.full((6, 1, size, size), seed, np.uint8)
    labels = np.arange(6) % 2
    return ImageDataset("mine", ("no", "yes"), Images(pixels, labels), Images(pixels + 1, labels))

def without():
    return make()

def with_request(request):
    assert isinstance(request, DatasetRequest)
    assert request.argument == ""
    return make(request.split_seed, request.image_size or 4)

def keyword_only(*, seed=9):
    return make(seed)

class Maker:
    def __call__(self, request):
        return make(request.split_seed)

maker = Maker()
number = 3

def fails():
    raise KeyError("line one\\nline two")

def leaves():
    raise SystemExit("usage: own.py FOLDER")

def refuses():
    raise DatasetError("my own refusal")

def wrong():
    return "not a data set"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with own.py and own_module.py."""
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "hptui_test_own_module.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def request(spec: str, data_dir: Path | None = None, image_size: int | None = None, seed: int = 7) -> ImageDataset:
    return request_dataset(spec, data_dir=data_dir, image_size=image_size, split_seed=seed)


def write_archive(path: Path) -> None:
    arrays = {}
    for number, split in enumerate(("train", "val", "test")):
        arrays[f"{split}_images"] = np.full((4, 5, 5), number, np.uint8)
        arrays[f"{split}_labels"] = np.arange(4, dtype=np.uint8)[:, np.newaxis] % 2
    np.savez(path, **arrays)


def test_a_built_in_name_is_loaded_with_the_users_wishes() -> None:
    first, other = request("digits", image_size=16), request("digits", image_size=16, seed=8)
    assert first.train.pixels.shape == (1438, 1, 16, 16)
    assert not np.array_equal(first.test.pixels, other.test.pixels)


def test_the_argument_follows_the_first_colon(here: Path) -> None:
    write_archive(here / "a:b.npz")
    assert request(f"medmnist:{here / 'a:b.npz'}").name == "a:b"
    write_archive(here / "x.npz")
    assert request("medmnist:x.npz", data_dir=here).name == "x"


def test_a_built_in_name_wins_over_a_module(here: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (here / "data" / name).mkdir(parents=True)
        for index in range(3):
            Image.new("L", (4, 4), index).save(here / "data" / name / f"{index}.png")
    assert request("folder:data", image_size=4).name == "data"


@pytest.mark.parametrize("location", ["own.py", "./own.py", "hptui_test_own_module"])
@pytest.mark.parametrize(("function", "seed"), [("without", 0), ("with_request", 7), ("keyword_only", 9), ("maker", 7)])
def test_own_functions_get_the_request_if_they_take_it(here: Path, location: str, function: str, seed: int) -> None:
    dataset = request(f"{location}:{function}")
    assert dataset.name == "mine"
    assert int(dataset.train.pixels.max()) == seed
    assert dataset.train.labels.dtype == np.int64


def test_an_absolute_own_file_is_loaded(here: Path) -> None:
    assert request(f"{here / 'own.py'}:with_request", image_size=12).test.pixels.shape == (6, 1, 12, 12)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("fails", r"own\.py:fails failed: KeyError: 'line one\\nline two' \(own\.py, line \d+\)"),
        ("leaves", r"own\.py:leaves failed: SystemExit: usage: own\.py FOLDER"),
        ("refuses", "^my own refusal$"),
        ("wrong", r"own\.py:wrong: this is a str, not a hptui\.datasets\.ImageDataset"),
        ("number", r"own\.py:number is a int, not a function"),
    ],
)
def test_failures_of_an_own_function_are_one_line(here: Path, function: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        request(f"own.py:{function}")
    assert "\n" not in str(caught.value)


def test_an_own_function_that_is_not_there_is_named(here: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'without'"):
        request("own.py:witout")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "digits"])
def test_an_argument_too_many_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=f"'{name}' takes nothing after a colon"):
        request(f"{name}:foo")


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("mnits", "mnist"),
        ("medmnst:/data/x.npz", "medmnist"),
        ("foldr:data", "folder"),
        ("digit:", "digits"),
        ("fashion-mnist", "fashion_mnist"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(spec: str, name: str) -> None:
    for attempt in (check_spec, request):
        with pytest.raises(ConfigError, match=f"unknown dataset .*Did you mean '{name}'"):
            attempt(spec)


@pytest.mark.parametrize("spec", ["", ":", ":x", "..:x", "own.py", "none/such:x"])
def test_other_nonsense_is_a_config_error(spec: str) -> None:
    with pytest.raises(ConfigError, match="unknown dataset"):
        check_spec(spec)


def test_the_check_of_a_name_runs_nothing(here: Path) -> None:
    (here / "explosive.py").write_text("raise SystemExit('imported')")
    for spec in ("mnist", "folder:none", "medmnist:none", "explosive.py:x", "explosive:x", "own.py:without"):
        check_spec(spec)
    with pytest.raises(ConfigError, match=r"there is no file none\.py"):
        check_spec("none.py:x")


@pytest.mark.parametrize("size", [0, -3])
def test_an_image_size_must_be_positive(size: int) -> None:
    with pytest.raises(ConfigError, match=f"image size {size}"):
        request("digits", image_size=size)


def test_an_image_size_that_would_be_ignored_is_refused(here: Path) -> None:
    write_archive(here / "x.npz")
    assert request("medmnist:x.npz", image_size=5).train.pixels.shape[2:] == (5, 5)
    with pytest.raises(DatasetError, match="images of 5 x 5 and does not resize; leave out --image-size"):
        request("medmnist:x.npz", image_size=28)


def test_what_a_plug_in_returns_is_checked(here: Path) -> None:
    write_archive(here / "x.npz")
    content = dict(np.load(here / "x.npz"))
    content["train_labels"] = content["val_labels"] = content["test_labels"] = np.zeros((4, 1), np.uint8)
    np.savez(here / "x.npz", **content)
    with pytest.raises(DatasetError, match=r"medmnist:x\.npz: there must be at least two classes"):
        request("medmnist:x.npz")


@pytest.mark.parametrize(
    ("name", "written"),
    [("images", "folder:{}"), ("x.csv", "table:{}"), ("x.npz", "medmnist:{}"), ("own.py", "{}:FUNCTION")],
)
def test_a_path_without_its_kind_is_told_with_it(tmp_path: Path, name: str, written: str) -> None:
    path = tmp_path / name
    path.mkdir() if "." not in name else path.write_text("")
    with pytest.raises(ConfigError) as caught:
        check_spec(str(path))
    assert str(caught.value) == (
        f"dataset = {str(path)!r} is a path without the kind of data it is; write {written.format(path)}."
    )


def test_a_path_of_another_kind_is_told_with_what_to_write(tmp_path: Path) -> None:
    table, images = tmp_path / "labels.csv", tmp_path / "images"
    table.write_text("image,label")
    images.mkdir()
    for name, path, told in (
        ("folder", table, f"needs a folder, and {table} is a file; write table:{table}."),
        ("table", images, f"needs a file, and {images} is a folder; write folder:{images}."),
    ):
        with pytest.raises(DatasetError) as caught:
            request_dataset(f"{name}:{path}", data_dir=None, image_size=None, split_seed=0)
        assert str(caught.value).endswith(told)
