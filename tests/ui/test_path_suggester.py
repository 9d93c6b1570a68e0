"""Completion of paths: from the disk alone, nothing is imported, nothing fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from hptui.ui.widgets.field import Field
from hptui.ui.widgets.path_suggester import PathSuggester, Wanted, completed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("images", "images/cats", "imports", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "image.npz").touch()
    (tmp_path / "net.py").write_text("import torch\nclass Net: ...\ndef _no(): ...\ndef build(): ...\n", "utf-8")
    (tmp_path / "broken.py").write_text("class", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "wanted", "expected"),
    [
        ("im", "folder", "images/"),
        ("imp", "folder", "imports/"),
        ("images/", "folder", "images/cats/"),
        ("images", "folder", "images/"),
        ("images/cats/", "folder", None),
        ("im", "file", "image.npz"),
        ("image.npz", "file", None),
        ("", "file", "broken.py"),
        (".h", "file", ".hidden/"),
        ("~/ima", "file", "~/image.npz"),
        ("nothing/", "file", None),
        ("~nobody-of-this-name/", "file", None),
        ("a\0b/", "file", None),
        ("n", "own", "net.py:"),
        ("image.", "own", None),
        ("net.py:", "own", "net.py:Net"),
        ("net.py:b", "own", "net.py:build"),
        ("net.py:_", "own", None),
        ("broken.py:", "own", None),
        ("missing.py:", "own", None),
    ],
)
@pytest.mark.usefixtures("folder")
def test_the_first_path_that_goes_on(typed: str, wanted: Wanted, expected: str | None) -> None:
    assert completed(typed, wanted) == expected


def test_an_absolute_path_stays_absolute(folder: Path) -> None:
    assert completed(f"{folder}/imp", "folder") == f"{folder}/imports/"


@pytest.mark.usefixtures("folder")
def test_the_right_arrow_takes_it_over_and_what_is_typed_stays_without_it() -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield Field(suggester=PathSuggester("folder"))

    async def main() -> None:
        app = Host()
        async with app.run_test() as pilot:
            field = app.query_one(Field)
            await pilot.press("i", "m", "p")
            for _ in range(200):
                await asyncio.sleep(0.01)
                if field._suggestion:
                    break
            assert field.value == "imp"
            await pilot.press("right")
            assert field.value == "imports/"

    asyncio.run(main())
