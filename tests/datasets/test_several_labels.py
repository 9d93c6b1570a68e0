"""Images that may have several labels: archives, tables and own arrays; what a split of them keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._check import check
from hptui.datasets._prepare import fingerprint, prepare
from hptui.datasets._several_labels import sample_labels
from hptui.datasets._sheet import write_sheet
from hptui.datasets._split import sample, split_off
from hptui.datasets._summary import summarize
from hptui.datasets.medmnist import medmnist
from hptui.datasets.table import table
from hptui.errors import DatasetError
from hptui.record.data_summary import count_rows, summary_lines


def labels_of(images: int, labels: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.random((images, labels)) < np.linspace(0.5, 0.06, labels)).astype(np.int64)


def drawn(images: int, labels: int = 3, seed: int = 0, groups: int = 0) -> Images:
    pixels = np.random.default_rng(seed + 100).integers(0, 256, (images, 1, 6, 6), np.uint8)
    names = np.array([f"g{index % groups}" for index in range(images)]) if groups else None
    return Images(pixels, labels_of(images, labels, seed), names)


def own(**changes: object) -> ImageDataset:
    parts: dict = {"train": drawn(60), "test": drawn(20, seed=1)} | changes
    return ImageDataset("own", ("a", "b", "c"), **parts)


def archive(folder: Path, name: str = "chestmnist.npz", labels: int = 14, **changes: object) -> Path:
    arrays: dict = {}
    for seed, (split, count) in enumerate({"train": 40, "val": 30, "test": 30}.items()):
        arrays[f"{split}_images"] = np.random.default_rng(seed).integers(0, 256, (count, 5, 7), np.uint8)
        arrays[f"{split}_labels"] = labels_of(count, labels, seed).astype(np.uint8)
    np.savez(folder / name, **(arrays | changes))
    return folder / name


def write(folder: Path, header: str, rows: list[str]) -> Path:
    for index in range(len(rows)):
        pixels = np.random.default_rng(index).integers(0, 256, (9, 9), np.uint8)
        Image.fromarray(pixels).save(folder / f"i{index}.png")
    (folder / "labels.csv").write_text("\n".join([header, *(f"i{index}.png,{row}" for index, row in enumerate(rows))]))
    return folder / "labels.csv"


def read(path: Path, **wishes: object) -> ImageDataset:
    return table(DatasetRequest(argument=str(path), **wishes))  # type: ignore[arg-type]


def by_name(dataset: ImageDataset) -> dict[str, list[str]]:
    found = {}
    for images in (dataset.train, dataset.test):
        assert images.names is not None
        for name, row in zip(images.names.tolist(), images.labels, strict=True):
            found[name] = [dataset.class_names[index] for index in np.flatnonzero(row)]
    return found


def test_chestmnist_keeps_its_labels_and_their_published_names(tmp_path: Path) -> None:
    path = archive(tmp_path)
    dataset = check(medmnist(DatasetRequest(argument=str(path))))
    assert (dataset.task, dataset.published, len(dataset.class_names)) == ("multi-label", True, 14)
    assert (dataset.class_names[0], dataset.class_names[13]) == ("atelectasis", "hernia")
    assert np.array_equal(dataset.train.labels, np.load(path)["train_labels"])
    assert dataset.validation is not None
    assert dataset.validation.labels.dtype == np.int64


def test_another_archive_has_numbered_labels(tmp_path: Path) -> None:
    dataset = medmnist(DatasetRequest(argument=str(archive(tmp_path, "mine.npz", 3))))
    assert (dataset.class_names, dataset.published) == (("0", "1", "2"), False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_labels": np.full((40, 3), 2, np.uint8)}, "train labels (40, 3) go from 2 to 2, but are 0 or 1"),
        ({"val_labels": np.zeros((30, 1), np.uint8)}, "labels have to be of one kind"),
        ({"val_labels": np.zeros((30, 4), np.uint8)}, "validation labels are int64 (30, 4), not integers (30,), nor"),
        ({"test_labels": np.ones((30, 3), np.uint8)}, "of no label are there test images with and without it"),
    ],
)
def test_labels_that_say_nothing_are_refused(tmp_path: Path, changes: dict, reason: str) -> None:
    with pytest.raises(DatasetError) as caught:
        check(medmnist(DatasetRequest(argument=str(archive(tmp_path, "mine.npz", 3, **changes)))))
    assert reason in str(caught.value)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_own_arrays_of_labels_are_taken(kind: type) -> None:
    train = drawn(60)
    checked = check(own(train=Images(train.pixels, train.labels.astype(kind))))
    assert checked.task == "multi-label"
    assert checked.train.labels.dtype == np.int64
    assert np.array_equal(checked.train.labels, train.labels)


def test_own_arrays_of_fractions_are_refused() -> None:
    train = drawn(60)
    with pytest.raises(DatasetError, match=r"nor 0 and 1 of 3 labels \(60, 3\)"):
        check(own(train=Images(train.pixels, train.labels / 2)))


def test_several_columns_of_a_table_are_a_label_each(tmp_path: Path) -> None:
    rows = [f"{index % 2},{index // 2 % 2}" for index in range(30)]
    rows[3] = ",1"
    path = write(tmp_path, "file,Edema,Mass", rows)
    dataset = read(path, column={"label": "Edema, Mass"})
    assert dataset.class_names == ("Edema", "Mass")
    found = by_name(dataset)
    assert [found[f"i{index}.png"] for index in range(4)] == [[], ["Edema"], ["Mass"], ["Mass"]]
    assert dataset.notes[:2] == (
        "columns of labels.csv: image = file, label = Edema, Mass",
        "empty cells in the columns of labels, taken for 0: 1 of 60",
    )


@pytest.mark.parametrize("cell", ["-1", "2", "maybe", "0.5"])
def test_what_is_neither_0_nor_1_is_refused(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, "file,Edema,Mass", ["0,1", "1,0", f"{cell},1"])
    with pytest.raises(DatasetError, match=f"line 4 has '{cell}' in column 'Edema', which is neither 0 nor 1"):
        read(path, column={"label": "Edema,Mass"})


def test_a_column_whose_name_has_a_comma_is_one_column(tmp_path: Path) -> None:
    path = write(tmp_path, 'file,"a, b"', [f"{index % 2}" for index in range(10)])
    assert read(path, column={"label": "a, b"}).task == "single-label"


def test_a_label_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "file,Edema,Mass", ["0,1", "1,0"])
    with pytest.raises(DatasetError, match=r"has no column 'Edma'\. Did you mean 'Edema'"):
        read(path, column={"label": "Edma,Mass"})


def test_lists_of_findings_are_labels_and_no_finding_is_none(tmp_path: Path) -> None:
    rows = ["No Finding", "Edema|Mass", "Mass", "Hernia | Edema", *["Edema", "No Finding", "Mass|Hernia"] * 6]
    dataset = read(write(tmp_path, "Image Index,Finding Labels", rows))
    assert dataset.class_names == ("Edema", "Hernia", "Mass")
    found = by_name(dataset)
    assert [found[f"i{index}.png"] for index in range(4)] == [[], ["Edema", "Mass"], ["Mass"], ["Edema", "Hernia"]]
    assert "Finding Labels holds lists with | between: an image may have several of 3 labels, or none" in dataset.notes


@pytest.mark.parametrize(
    ("both", "one", "none"),
    [
        ("\"['Edema', 'Mass']\"", "['Mass']", "[]"),  # as pandas writes a column of lists
        ("['Edema' 'Mass']", "['Mass']", "[]"),  # of NumPy
        ('"[""Edema"", ""Mass""]"', '"[""Mass""]"', "[ ]"),  # of JSON
        ('"[Edema, Mass]"', "[Mass]", '"[""No Finding""]"'),
    ],
)
def test_lists_in_brackets_are_labels(tmp_path: Path, both: str, one: str, none: str) -> None:
    dataset = read(write(tmp_path, "image,labels", [both, one, none] * 6))
    assert dataset.class_names == ("Edema", "Mass")
    found = by_name(dataset)
    assert [found[f"i{index}.png"] for index in range(3)] == [["Edema", "Mass"], ["Mass"], []]
    assert "labels holds lists in brackets: an image may have several of 2 labels, or none" in dataset.notes


def test_lists_in_brackets_of_one_label_each_are_classes(tmp_path: Path) -> None:
    dataset = read(write(tmp_path, "image,labels", ["['ill']", "['well']"] * 6))
    assert dataset.class_names == ("ill", "well")
    assert dataset.train.labels.ndim == 1


def test_no_finding_beside_a_finding_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "Image Index,Finding Labels", ["Edema|Mass", "No Finding|Mass"])
    with pytest.raises(DatasetError, match=r"line 3 has 'No Finding\|Mass'"):
        read(path)


def test_a_sample_is_exact_and_keeps_the_share_of_every_label() -> None:
    labels = labels_of(400, 8)
    for size in (1, 60, 100, 399):
        taken = sample(labels, size, seed=0, purpose="validation")
        assert len(taken) == len(set(taken.tolist())) == size
    taken = sample(labels, 100, seed=0, purpose="validation")
    assert np.abs(labels[taken].sum(0) - labels.sum(0) / 4).max() <= 1.5
    assert np.array_equal(taken, sample(labels, 100, seed=0, purpose="validation"))
    assert not np.array_equal(taken, sample(labels, 100, seed=1, purpose="validation"))


def test_a_rare_label_is_on_both_sides() -> None:
    labels = np.zeros((50, 3), np.int64)
    labels[:30, 0] = labels[[4, 40], 1] = labels[7, 2] = 1
    for seed in range(10):
        keys = np.random.default_rng(seed).integers(0, 2**63, 50, np.uint64)
        taken = sample_labels(labels, 6, keys)
        assert len(taken) == 6
        assert labels[taken, 1].sum() == 1


def test_groups_stay_whole_and_labels_keep_their_share() -> None:
    images = drawn(200, groups=50)
    rest, taken = split_off(images, 40, seed=0, purpose="validation", class_names=("a", "b", "c"))
    assert rest.groups is not None
    assert taken.groups is not None
    assert not set(rest.groups) & set(taken.groups)
    assert abs(len(taken) - 40) <= 4
    assert (np.abs(taken.labels.sum(0) - images.labels.sum(0) / 5) <= 4).all()


def test_a_study_splits_them_and_tells_labels_of_which_a_split_says_nothing() -> None:
    rare = drawn(60)
    rare.labels[:, 2] = 0
    rare.labels[5, 2] = 1
    prepared = prepare(check(own(train=rare)), train_size=30, validation_size=12, split_seed=0)
    assert prepared.validation is not None
    assert (len(prepared.train), len(prepared.validation)) == (30, 12)
    assert any("1 of 3 labels have no validation images, or all have them (c)" in line for line in prepared.notes)
    assert fingerprint(prepared) != fingerprint(own())


def test_the_summary_counts_each_label_and_images_without_any(tmp_path: Path) -> None:
    summary = summarize(own())
    train = own().train.labels
    rows = dict(count_rows(summary))
    assert summary.task == "multi-label"
    assert rows["a"][0] == int(train[:, 0].sum())
    assert rows["without any"][0] == int((train.sum(1) == 0).sum())
    assert rows["all"] == [60, 20]
    assert f"train: 60 images (a {rows['a'][0]}, " in summary_lines(summary)[1]
    write_sheet(own(), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_equal_images_with_other_labels_are_contradictory() -> None:
    train = drawn(60)
    train.pixels[1] = train.pixels[0]
    train.labels[:2] = [[1, 0, 0], [1, 1, 0]]
    assert (summarize(own(train=train)).repeated, summarize(own(train=train)).contradictory) == (1, 1)
