"""Folders as people have them: folders in classes, splits by any usual name, what is left out, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import ImageDataset
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.errors import DatasetError


def noise(path: Path, seed: int) -> None:
    """One image of noise, different for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)).save(path)


def fill(root: Path, count: int, first: int = 0, classes: tuple[str, ...] = ("benign", "malignant")) -> None:
    """`count` images per class."""
    for position, name in enumerate(classes):
        for index in range(count):
            noise(root / name / f"img_{index:03}.png", first + position * count + index)


def read(root: Path, **wishes: object) -> ImageDataset:
    return request_dataset(f"folder:{root}", data_dir=None, image_size=8, split_seed=0, **wishes)


def counts(dataset: ImageDataset) -> dict[str, int]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {split: len(images) for split, images in splits.items() if images is not None}


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "valid", "test"), {"train": 16, "validation": 8, "test": 8}),
        (("Train", "Test"), {"train": 16, "test": 8}),
        (("training", "testing", "VALID"), {"train": 16, "validation": 8, "test": 8}),
        (("TRAINING", "Validation", "Testing"), {"train": 16, "validation": 8, "test": 8}),
        (("train_images", "val-set", "Test data"), {"train": 16, "validation": 8, "test": 8}),
    ],
)
def test_splits_go_by_any_usual_name(tmp_path: Path, names: tuple[str, ...], expected: dict[str, int]) -> None:
    for position, name in enumerate(names):
        fill(tmp_path / name, 4 if position else 8, first=100 * position)
    dataset = read(tmp_path)
    assert dataset.class_names == ("benign", "malignant")
    assert counts(dataset) == expected
    assert dataset.train.names is not None
    assert dataset.train.names[0] == f"{names[0]}/benign/img_000.png"


def test_test_images_are_taken_from_training_where_there_are_none(tmp_path: Path) -> None:
    fill(tmp_path / "train", 20)
    fill(tmp_path / "val", 6, first=100)
    dataset = read(tmp_path)
    assert counts(dataset) == {"train": 32, "validation": 12, "test": 8}
    assert dataset.notes == ("no test images of its own: 8 of 40 images were taken from training (split seed 0)",)
    asked = read(tmp_path, test_size=14)
    assert counts(asked) == {"train": 26, "validation": 12, "test": 14}
    assert np.bincount(asked.test.labels).tolist() == [7, 7]


def test_validation_images_that_were_taken_are_told(tmp_path: Path) -> None:
    fill(tmp_path / "train", 20)
    fill(tmp_path / "test", 6, first=100)
    dataset = prepare(read(tmp_path), train_size=None, validation_size=10, split_seed=3)
    assert counts(dataset) == {"train": 30, "validation": 10, "test": 12}
    assert dataset.notes == (
        "no validation images of its own: 10 of 40 images were taken from training (split seed 3)",
    )


def test_folders_in_class_folders_are_read(tmp_path: Path) -> None:
    for position, name in enumerate(("benign", "malignant")):
        for patient in range(4):
            for index in range(3):
                noise(tmp_path / name / f"patient{patient}" / f"{index}.png", position * 100 + patient * 10 + index)
        noise(tmp_path / name / "deep" / "deeper" / "1.png", 1000 + position)
        noise(tmp_path / name / "loose.png", 2000 + position)
    dataset = read(tmp_path)
    assert sum(counts(dataset).values()) == 28
    assert dataset.train.names is not None
    assert dataset.test.names is not None
    names = {*dataset.train.names.tolist(), *dataset.test.names.tolist()}
    assert {"benign/patient0/2.png", "malignant/deep/deeper/1.png", "benign/loose.png"} < names
    assert all(
        name.startswith(dataset.class_names[label])
        for name, label in zip(dataset.train.names, dataset.train.labels, strict=True)
    )


def test_a_link_that_leads_back_is_told_and_ends(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    (tmp_path / "benign" / "again").symlink_to(tmp_path / "benign")
    dataset = read(tmp_path)
    assert sum(counts(dataset).values()) == 10
    assert dataset.notes[0] == "left out, a link to a folder that is read already: 1 (benign/again)"


def test_whatever_is_left_out_is_told_with_the_reason(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    noise(tmp_path / "__MACOSX" / "x.png", 500)
    noise(tmp_path / "stray.png", 501)
    noise(tmp_path / "benign" / ".thumbnail.png", 502)
    (tmp_path / "labels.csv").write_text("a,b\n")
    for index in range(5):
        (tmp_path / "malignant" / f"{index}.dat").write_bytes(b"not an image")
    dataset = read(tmp_path)
    assert dataset.class_names == ("benign", "malignant")
    assert sum(counts(dataset).values()) == 20
    assert dataset.notes[:-1] == (
        "left out, beside the folders: 2 (labels.csv, stray.png)",
        "left out, hidden: 2 (__MACOSX, benign/.thumbnail.png)",
        "left out, in no image format that is read here: 5 (malignant/0.dat, malignant/1.dat, malignant/2.dat, ...)",
    )


def test_what_lies_beside_splits_is_told(tmp_path: Path) -> None:
    fill(tmp_path / "train", 5)
    fill(tmp_path / "test", 3, first=100)
    noise(tmp_path / "extra" / "x.png", 500)
    (tmp_path / "train" / "notes.txt").write_text("x")
    assert read(tmp_path).notes == (
        "left out, a folder that is no split: 1 (extra)",
        "left out, beside the folders: 1 (train/notes.txt)",
    )


@pytest.mark.parametrize("names", [("train_images", "test_images"), ("train", "test"), ("Train", "valid", "Test")])
def test_splits_without_classes_are_never_learned_as_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    for position, name in enumerate(names):
        for index in range(6):
            noise(tmp_path / name / f"{index}.png", 100 * position + index)
    (tmp_path / "train.csv").write_text("id_code,diagnosis\n")
    message = refusal(tmp_path)
    assert "splits, not classes" in message
    assert f"write --dataset table:{tmp_path / 'train.csv'}" in message


def test_a_kaggle_folder_is_refused_with_its_table(tmp_path: Path) -> None:
    for position, name in enumerate(("train_images", "test_images")):
        for index in range(6):
            noise(tmp_path / name / f"{index}.png", 100 * position + index)
    (tmp_path / "train.csv").write_text("id_code,diagnosis\n")
    assert refusal(tmp_path) == (
        f"{tmp_path}: test_images and train_images name splits, not classes, and have no class folders in them. "
        f"If the labels are in train.csv, write --dataset table:{tmp_path / 'train.csv'}."
    )


def test_splits_may_be_within_classes(tmp_path: Path) -> None:
    for position, name in enumerate(("ill", "well")):
        for number, split in enumerate(("Train", "test")):
            for index in range(6):
                noise(tmp_path / name / split / f"{index}.png", 1000 * position + 100 * number + index)
    noise(tmp_path / "ill" / "extra" / "x.png", 5000)
    dataset = read(tmp_path)
    assert dataset.class_names == ("ill", "well")
    assert counts(dataset) == {"train": 12, "test": 12}
    assert dataset.test.names is not None
    assert dataset.test.names[0] == "ill/test/0.png"
    assert dataset.test.labels.tolist() == [0] * 6 + [1] * 6
    assert dataset.notes == ("left out, a folder that is no split: 1 (ill/extra)",)
    noise(tmp_path / "third" / "x.png", 6000)
    assert f"{tmp_path / 'third'} has no folder for train; other classes" in refusal(tmp_path)


def test_a_test_folder_without_labels_is_left_out_and_told(tmp_path: Path) -> None:
    fill(tmp_path / "train", 20)
    for index in range(6):
        noise(tmp_path / "test" / f"{index}.png", 1000 + index)
    dataset = read(tmp_path)
    assert counts(dataset) == {"train": 32, "test": 8}
    assert dataset.notes == (
        "left out, a split without class folders: 1 (test)",
        "no test images of its own: 8 of 40 images were taken from training (split seed 0)",
    )


def test_an_archive_in_a_folder_of_its_own_name_is_read(tmp_path: Path) -> None:
    for number, split in enumerate(("seg_train", "seg_test")):
        fill(tmp_path / "seg" / "seg" / split / split, 4, first=100 * number)
    assert counts(read(tmp_path / "seg")) == {"train": 8, "test": 8}


def test_two_classes_that_speak_of_tests_are_classes(tmp_path: Path) -> None:
    for position, name in enumerate(("negative test", "positive test", "training")):
        for index in range(5):
            noise(tmp_path / name / "p1" / f"{index}.png", 100 * position + index)
    assert read(tmp_path).class_names == ("negative test", "positive test", "training")


def test_classes_may_be_called_like_one_split(tmp_path: Path) -> None:
    fill(tmp_path, 5, classes=("test", "treatment"))
    assert read(tmp_path).class_names == ("test", "treatment")


def test_splits_without_training_and_two_of_the_same_are_refused(tmp_path: Path) -> None:
    for name in ("val", "test"):
        fill(tmp_path / "one" / name, 3)
    assert "has test and val, but no folder of images to train on" in refusal(tmp_path / "one")
    for name in ("train", "Training", "test"):
        fill(tmp_path / "two" / name, 3)
    assert "has both Training and train; keep one of them" in refusal(tmp_path / "two")


def test_an_archives_own_folder_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "chest" / "train", 3)
    fill(tmp_path / "chest" / "test", 3)
    assert f"write --dataset folder:{tmp_path / 'chest'}" in refusal(tmp_path)


def test_volumes_are_named_with_what_to_do(tmp_path: Path) -> None:
    for name in ("disc", "bar"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.nii.gz").write_bytes(b"x")
    told = refusal(tmp_path)
    assert told.startswith(f"{tmp_path / 'bar'} holds no image files that can be read here (.nii.gz instead); 0.nii.gz")
    assert "is a NIfTI volume: save the slices that matter as TIFF" in told


def test_test_images_are_left_out_if_asked(tmp_path: Path) -> None:
    fill(tmp_path, 8)
    dataset = prepare(read(tmp_path, test_size=0), train_size=None, validation_size=None, split_seed=0)
    assert counts(dataset) == {"train": 14, "validation": 2}
    assert any(note.startswith("no test images, neither of its own nor taken") for note in dataset.notes)


def test_a_table_beside_a_folder_of_patients_is_named(tmp_path: Path) -> None:
    """Its folders are no classes."""
    fill(tmp_path / "images", 2, classes=("P001", "P002", "P003"))
    assert "If the classes are in there, write --dataset folder:" in refusal(tmp_path)
    (tmp_path / "labels.csv").write_text("image,label")
    assert refusal(tmp_path).endswith(
        f"If the labels are in labels.csv, write --dataset table:{tmp_path / 'labels.csv'}."
    )


def test_a_further_test_folder_is_left_out_and_told(tmp_path: Path) -> None:
    for position, name in enumerate(("train", "test", "external_test", "old test")):
        fill(tmp_path / name, 4, first=100 * position)
    dataset = read(tmp_path)
    assert counts(dataset) == {"train": 8, "test": 8}
    assert dataset.notes == ("left out, a folder that is no split: 2 (external_test, old test)",)
    (tmp_path / "test").rename(tmp_path / "inner test")  # which of the three is meant?
    assert refusal(tmp_path) == (
        f"{tmp_path}: train names a split, and external_test and inner test and old test have the same folders "
        "(benign, malignant), so these are the classes: call the splits train, val and test."
    )


@pytest.mark.parametrize("word", ["", "Gleason "])
def test_grades_are_in_the_order_of_their_numbers(tmp_path: Path, word: str) -> None:
    classes = tuple(f"{word}{number}" for number in range(12))
    fill(tmp_path, 3, classes=classes)
    dataset = read(tmp_path)
    assert dataset.class_names == classes
    assert dataset.train.names is not None
    places = [classes.index(name.split("/")[0]) for name in dataset.train.names]
    assert places == dataset.train.labels.tolist()


@pytest.mark.parametrize(
    ("above", "below", "told"),
    [
        (("site A", "site B"), ("benign", "malignant"), True),
        (("2019", "2020"), ("benign", "malignant"), True),
        (("benign", "malignant"), ("p1", "p2"), False),  # patients, counted anew in each class
        (("benign", "malignant"), ("left",), False),
        (tuple("abcdefghij"), ("s1", "s2", "s3", "s4"), False),  # gestures, made by the same four people
        (tuple("abcdefghij"), ("1", "2", "3", "4"), True),
    ],
)
def test_classes_below_folders_of_something_else_are_told(
    tmp_path: Path, above: tuple[str, ...], below: tuple[str, ...], told: bool
) -> None:
    for position, name in enumerate(above):
        fill(tmp_path / name, 8, first=1000 * position, classes=below)
    notes = prepare(read(tmp_path), train_size=None, validation_size=None, split_seed=0).notes
    lines = [note for note in notes if note.startswith("the same folders are in the classes")]
    assert len(lines) == told
    if told:
        assert f"({', '.join(below)}): if these are the classes, and" in lines[0]


def test_patients_with_folders_of_classes_in_them_are_told_though_these_are_numbers(tmp_path: Path) -> None:
    """As tiles of slides come: a folder a patient, in it 0 and 1; one patient has tiles of one kind alone."""
    for patient in range(8):
        fill(tmp_path / str(8860 + patient), 4, first=100 * patient, classes=("0", "1")[: 1 + (patient > 0)])
    notes = prepare(read(tmp_path), train_size=None, validation_size=None, split_seed=0).notes
    assert any(note.startswith("the same folders are in the classes (0, 1): if these are the") for note in notes)


@pytest.mark.parametrize("other", ["holdout", "Hold-out", "external_2", "train_val"])
def test_a_split_beside_a_folder_of_the_same_classes_is_no_class(tmp_path: Path, other: str) -> None:
    for position, name in enumerate(("train", other)):
        fill(tmp_path / name, 4, first=100 * position)
    assert f"train names a split, and {other} has the same folders (benign, malignant)" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("classes", "inside"), [(("train", "car", "boat"), ("day", "night")), (("control", "test"), ("left", "right"))]
)
def test_a_class_may_be_called_like_a_split_though_all_have_the_same_folders(
    tmp_path: Path, classes: tuple[str, ...], inside: tuple[str, ...]
) -> None:
    for position, name in enumerate(classes):
        fill(tmp_path / name, 4, first=100 * position, classes=inside)
    assert read(tmp_path).class_names == tuple(sorted(classes))


@pytest.mark.parametrize("patients", [8, 4])
def test_patients_with_a_diagnosis_each_are_no_classes(tmp_path: Path, patients: int) -> None:
    """Many folders, and in them few that come again."""
    for number in range(patients):
        fill(tmp_path / f"{number:03}", 4, first=100 * number, classes=(("normal", "sick")[number % 2],))
    notes = prepare(read(tmp_path), train_size=None, validation_size=None, split_seed=0).notes
    told = [note for note in notes if note.startswith("the same folders are in the classes (normal, sick): if these")]
    assert len(told) == (patients > 4)


def test_splits_within_classes_are_not_doubted(tmp_path: Path) -> None:
    for position, name in enumerate(("ill", "well")):
        fill(tmp_path / name, 4, first=100 * position, classes=("TRAIN", "Val", "TEST"))
    dataset = read(tmp_path)
    assert (dataset.class_names, counts(dataset)) == (("ill", "well"), {"train": 8, "validation": 8, "test": 8})
    notes = prepare(dataset, train_size=None, validation_size=None, split_seed=0).notes
    assert not any("the same folders" in note for note in notes)


@pytest.mark.parametrize("name", ["Thumbnails", "unknown", "un-labelled", "?", "NA", "-9", "999"])
def test_folders_that_are_hardly_classes_are_told(tmp_path: Path, name: str) -> None:
    fill(tmp_path, 6, classes=("benign", "malignant", name))
    notes = prepare(read(tmp_path), train_size=None, validation_size=None, split_seed=0).notes
    assert f"{name!r} is taken as a class: if it says nothing of what is in the images, take it out" in notes


@pytest.mark.parametrize(
    "classes", [("old", "young"), ("raw", "cooked"), ("sample 1", "sample 2"), ("3", "9"), ("98", "99")]
)
def test_ordinary_classes_are_not_told(tmp_path: Path, classes: tuple[str, ...]) -> None:
    fill(tmp_path, 6, classes=classes)
    notes = prepare(read(tmp_path), train_size=None, validation_size=None, split_seed=0).notes
    assert not [note for note in notes if "taken as a class" in note]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("size", "'benign' are 12 x 12 pixels"),
        ("colour", "'benign' are grey"),
        ("suffix", "'benign' are .png files"),
        ("no", ""),
    ],
)
def test_what_tells_classes_apart_and_is_not_in_the_images_is_told(tmp_path: Path, kind: str, says: str) -> None:
    for index in range(8):
        noise(tmp_path / "benign" / f"{index}.png", index)
        values = np.random.default_rng(100 + index).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        other = Image.fromarray(values if kind == "colour" else values[:, :, 0])
        path = tmp_path / "malignant" / f"{index}.{'bmp' if kind == 'suffix' else 'png'}"
        path.parent.mkdir(exist_ok=True)
        other.resize((20, 20) if kind == "size" else (12, 12)).save(path)
    told = [note for note in read(tmp_path).notes if "Do the classes come from one source?" in note]
    assert len(told) == (kind != "no")
    assert all(
        note.startswith(f"of the image files looked at, those of {says}, and of no other class (2 of 2")
        for note in told
    )
    if kind == "size":  # of natural sizes, each its own, nothing follows
        for index in range(8):
            for place, name in enumerate(("benign", "malignant")):
                Image.new("L", (10 + 2 * index + place, 12), 9 * index + place).save(tmp_path / name / f"{index}.png")
        assert not any("one source" in note for note in read(tmp_path).notes)


@pytest.mark.parametrize("others", [4, 5])
def test_a_class_is_not_told_apart_from_a_few_files(tmp_path: Path, others: int) -> None:
    for index in range(8 + others):
        name, size = ("benign", 12) if index < 8 else ("malignant", 20)
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (size, size), 9 * index).save(tmp_path / name / f"{index}.png")
    assert any("come from one source?" in note for note in read(tmp_path).notes) == (others == 5)


def test_an_alpha_channel_is_told(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    path = tmp_path / "benign" / "img_000.png"
    with Image.open(path) as image:
        image.convert("LA").save(path)
    told = "1 of 10 image files have an alpha channel: what is transparent there was taken as white"
    assert told in read(tmp_path).notes


@pytest.mark.parametrize("name", ["TestSet", "testset", "myTest", "DataTest1"])
def test_a_split_is_known_where_a_capital_begins_the_word(tmp_path: Path, name: str) -> None:
    """Its images are the test images; others would be taken from training without need."""
    for index, split in enumerate(("TrainSet", name)):
        fill(tmp_path / split, 8, 100 * index)
    found = read(tmp_path)
    assert found.test is not None
    assert found.test.names is not None
    assert all(one.startswith(f"{name}/") for one in found.test.names.tolist())
    assert not any("left out" in note for note in found.notes)


def test_a_class_of_which_a_split_has_none_is_said_with_an_empty_folder(tmp_path: Path) -> None:
    """Rare findings: three images, none of them to validate with."""
    for split, first in (("train", 0), ("val", 100), ("test", 200)):
        fill(tmp_path / split, 5, first, ("benign", "malignant"))
    fill(tmp_path / "train", 3, 300, ("rare",))
    fill(tmp_path / "test", 3, 400, ("rare",))
    assert "lacks 'rare'. Add images of it there (or an empty folder, if there are none), or take" in refusal(tmp_path)
    (tmp_path / "val" / "rare").mkdir()
    dataset = read(tmp_path)
    assert dataset.class_names == ("benign", "malignant", "rare")
    assert dataset.validation is not None
    assert np.bincount(dataset.validation.labels, minlength=3).tolist() == [5, 5, 0]
    for name in ("benign", "malignant"):
        for path in (tmp_path / "val" / name).iterdir():
            path.unlink()
    assert "holds no image files" in refusal(tmp_path)  # a split of empty folders is a mistake


def test_a_class_without_training_images_or_with_other_files_alone_is_refused(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("val", 100)):
        fill(tmp_path / split, 5, first)
        (tmp_path / split / "rare").mkdir()
    assert refusal(tmp_path).startswith(f"{tmp_path / 'train' / 'rare'} holds no image files")
    fill(tmp_path / "train", 3, 300, ("rare",))
    (tmp_path / "val" / "rare" / "image.xyz").write_text("?")
    assert refusal(tmp_path).startswith(f"{tmp_path / 'val' / 'rare'} holds no image files")
