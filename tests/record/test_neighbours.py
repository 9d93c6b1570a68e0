"""An own network of several files: all of them are kept with a study, and used where they have gone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabricate import configuration

from hptui import registry
from hptui.errors import ConfigError
from hptui.own_files import package_of
from hptui.record.localizing import localized_model
from hptui.record.neighbours import neighbours
from hptui.record.new_folders import SOURCES
from hptui.record.own_code import CodeNotAllowedError, remember_trained
from hptui.record.study_directory import Study, create_study

SIZE = "SIZE = 7\n"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Modules that a test imports are imported anew by the next."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


LAYOUTS = {
    "beside": ("import blocks_beside\nNet = blocks_beside.SIZE", "blocks_beside", {"blocks_beside.py"}),
    "relative": (
        "from .blocks import SIZE\nNet = SIZE",
        "blocks",
        {"networks/__init__.py", "networks/blocks.py", "networks/net.py"},
    ),
    "by the folder's name": (
        "from networks.blocks import SIZE\nNet = SIZE",
        "blocks",
        {"networks/__init__.py", "networks/blocks.py", "networks/net.py"},
    ),
}


def laid_out(folder: Path, layout: str) -> tuple[Path, set[str]]:
    """A file of that layout in a folder `networks`, and what has to stand beside a copy of it."""
    code, neighbour, expected = LAYOUTS[layout]
    inside = write(folder / "networks", net=code, **{neighbour: "import os\n" + SIZE}, unused="")
    if neighbour == "blocks":
        write(inside, __init__="")
    return inside / "net.py", expected


def loaded(name: str) -> object:
    """The object, as another process would load it."""
    for known in [known for known in sys.modules if known.partition(".")[0] in {"networks", "blocks_beside"}]:
        del sys.modules[known]
    return registry.load_own(name)


def begun(folder: Path, file: Path) -> Study:
    assert registry.load_own(f"{file}:Net") == 7
    study = create_study(folder, configuration(model=f"{file}:Net"), "f" * 64, {})
    remember_trained(study)
    return study


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_file_imports_is_kept_and_used_where_it_has_gone(tmp_path: Path, layout: str) -> None:
    file, expected = laid_out(tmp_path / "mine", layout)
    study = begun(tmp_path / "study", file)
    assert set(neighbours(file)) == expected
    sources = study.directory / SOURCES / "model"
    assert {path.relative_to(sources).as_posix() for path in sources.rglob("*.py")} == {"net.py", *expected}
    assert localized_model(study) == f"{file}:Net"
    shutil.rmtree(tmp_path / "mine")
    assert loaded(localized_model(study)) == 7


def test_a_neighbour_alone_that_has_gone_is_taken_from_the_copy_too(tmp_path: Path) -> None:
    file, _ = laid_out(tmp_path / "mine", "beside")
    study = begun(tmp_path / "study", file)
    (file.parent / "blocks_beside.py").unlink()
    assert loaded(localized_model(study)) == 7


def test_a_neighbour_that_has_changed_is_told(tmp_path: Path) -> None:
    file, _ = laid_out(tmp_path / "mine", "relative")
    study = begun(tmp_path / "study", file)
    (file.parent / "blocks.py").write_text("SIZE = 8\n")
    with pytest.raises(ConfigError, match=r"blocks\.py has changed since the study began"):
        localized_model(study)


def test_a_copy_that_was_changed_is_not_run_because_the_rest_is_the_users_own(tmp_path: Path) -> None:
    file, _ = laid_out(tmp_path / "mine", "beside")
    study = begun(tmp_path / "study", file)
    (file.parent / "blocks_beside.py").unlink()
    (study.directory / SOURCES / "model" / "blocks_beside.py").write_text("SIZE = 9\n")
    with pytest.raises(CodeNotAllowedError):
        localized_model(study)


def test_what_is_installed_and_what_is_unreadable_is_no_neighbour(tmp_path: Path) -> None:
    file = write(tmp_path, net="import numpy, click\nfrom hptui import errors\nimport absent_beside") / "net.py"
    assert neighbours(file) == {}
    file.write_bytes(b"\0 no code")
    assert neighbours(file) == {}


def test_a_module_that_is_not_here_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mine", module_elsewhere="Net = 7")
    monkeypatch.chdir(tmp_path / "mine")
    study = create_study(tmp_path / "study", configuration(model="module_elsewhere:Net"), "f" * 64, {})
    remember_trained(study)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is no module module_elsewhere here"):
        localized_model(study)


def test_a_folder_that_is_called_like_a_library_is_no_package(tmp_path: Path) -> None:
    file = write(tmp_path / "numpy", net="import numpy\nfrom numpy import random\nNet = numpy.zeros(1).size") / "net.py"
    assert package_of(file) == ""
    assert registry.load_own(f"{file}:Net") == 1
