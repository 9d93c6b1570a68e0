"""Answers put together by group: where the pattern of a group looks, and what it may not be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hptui.cli.grouping import Grouping
from hptui.errors import UsageError


def grouped(grouping: Grouping, names: list[str]) -> dict[str, tuple[int, float]]:
    """Images of each group and its mean, where the answer on an image is its number."""
    shares = np.arange(len(names), dtype=np.float32)[:, None]
    assert grouping.add(names, shares) == []
    return {group: (images, float(mean[0])) for group, images, mean in grouping.means()}


def test_what_a_folder_is_called_is_no_group_of_its_images(tmp_path: Path) -> None:
    outer = tmp_path / "scans14"
    folder = outer / "2024"
    folder.mkdir(parents=True)
    names = [f"{folder}/P01_0.png", f"{folder}/P01_1.png", f"{folder}/P02_0.png"]
    assert grouped(Grouping("([0-9]+)_", [folder]), names) == {"01": (2, 0.5), "02": (1, 2.0)}
    assert grouped(Grouping("^([^_]+)_", [folder]), names) == {"P01": (2, 0.5), "P02": (1, 2.0)}
    assert grouped(Grouping("^([^_]+)_", [outer, folder]), names) == {"P01": (2, 0.5), "P02": (1, 2.0)}
    assert grouped(Grouping("^([^/]+)/", [outer]), names) == {"2024": (3, 1.0)}


def test_one_group_of_all_images_is_known(tmp_path: Path) -> None:
    one, several, single = (Grouping("([0-9]+)", [tmp_path]) for _ in range(3))
    grouped(one, [f"{tmp_path}/7a.png", f"{tmp_path}/7b.png"])
    grouped(several, [f"{tmp_path}/7a.png", f"{tmp_path}/8b.png"])
    grouped(single, [f"{tmp_path}/7a.png"])
    assert (one.only, several.only, single.only) == ("7", None, None)


@pytest.mark.parametrize(("pattern", "words"), [("dicom", "headers are not asked"), ("(", "no regular expression")])
def test_what_finds_no_groups_in_names_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Grouping(pattern)
