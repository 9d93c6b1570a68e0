"""What own functions hand on, as people have it: taken where it can only mean one thing, else told how to change it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hptui.datasets import ImageDataset, Images
from hptui.datasets._check import check
from hptui.datasets._prepare import prepare
from hptui.errors import DatasetError

CLASSES = ("healthy", "ill")
LABELS = np.arange(16) % 2


def pixels(seed: int, count: int = 16) -> Any:
    return np.random.default_rng(seed).integers(0, 255, (count, 1, 8, 8)).astype(np.uint8)


def dataset(**changes: Any) -> ImageDataset:
    given = ImageDataset("own", CLASSES, Images(pixels(0), LABELS), Images(pixels(1), LABELS))
    return replace(given, **changes)


def refusal(given: object) -> str:
    with pytest.raises(DatasetError) as caught:
        check(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, np.newaxis],
        LABELS.astype(float),
        LABELS.astype(np.float32)[:, np.newaxis],
        LABELS.astype(bool),
        np.array(CLASSES)[LABELS],
        np.array(CLASSES, object)[LABELS],
        LABELS.tolist(),
        [CLASSES[label] for label in LABELS],
        LABELS.astype(np.uint8),
    ],
)
def test_labels_that_can_only_mean_one_thing_are_taken(labels: Any) -> None:
    checked = check(dataset(train=Images(pixels(0), labels), test=Images(pixels(1), labels)))
    assert checked.train.labels.dtype == np.int64
    assert np.array_equal(checked.train.labels, LABELS)
    assert np.array_equal(checked.test.labels, LABELS)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (LABELS + 1, "go from 1 to 2, but 2 class names allow 0 to 1; classes count from 0: labels - 1."),
        (LABELS * 2 - 1, "classes count from 0: (labels + 1) // 2."),
        (np.eye(2, dtype=int)[LABELS], "are one-hot, a single 1 in each row: labels.argmax(1) are the classes."),
        (np.eye(2)[LABELS], "are one-hot"),
        (np.array(["Ill", "healthy"])[LABELS], "'Ill' is in none of the classes ('healthy', 'ill')"),
        (LABELS + 0.25, "train labels are float64"),
        (np.where(LABELS, np.nan, 0), "train labels are float64"),
    ],
)
def test_other_labels_are_refused_with_what_to_do(labels: Any, told: str) -> None:
    assert told in refusal(dataset(train=Images(pixels(0), labels)))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((image for image in pixels(0)), "Collect the images in one array: numpy.stack(list(pixels))."),
        (pixels(0)[:, 0], "Grey images have one channel: pixels[:, None]."),
        (pixels(0).transpose(0, 2, 3, 1).repeat(3, 3).repeat(3, 1)[:, :20], "come last: pixels.transpose(0, 3, 1, 2)."),
        (pixels(0)[:, :, np.newaxis].repeat(8, 2), "These are volumes; hand on the slices that matter"),
        (pixels(0).astype(np.int64), "they are 0 to 254, which .astype(numpy.uint8) holds."),
        (pixels(0).astype(np.int32) - 1000, "they are -1000 to -746, which .astype(numpy.int16) holds."),
        (pixels(0).astype(np.uint32) * 70000, "which .astype(numpy.float32) holds nearly."),
        (pixels(0) > 100, "pixels.astype(numpy.uint8) * 255 makes them black and white."),
        (np.where(pixels(0) > 250, np.nan, 0.0), "no finite numbers (NaN or infinity)"),
    ],
)
def test_other_pixels_are_refused_with_what_to_do(given: Any, told: str) -> None:
    assert told in refusal(dataset(train=Images(given, LABELS)))


class Loader:
    """Stands for torch's DataLoader and Dataset."""

    def __len__(self) -> int:
        return 16


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Loader(), "this is a Loader, not a hptui.datasets.ImageDataset: collect its images and labels in arrays and"),
        ((pixels(0), LABELS), "this is a tuple, not"),
        ((image for image in pixels(0)), "this is a generator, not"),
        (None, "does it end without return?"),
        (dataset, "this is a function, not a hptui.datasets.ImageDataset: is it to be called?"),
        (dataset(train=Loader()), "train is a Loader, not a hptui.datasets.Images: collect its images and labels"),
        (dataset(test=(pixels(0), LABELS)), "test is a tuple, not a hptui.datasets.Images"),
    ],
)
def test_other_objects_are_refused_with_what_to_hand_on(given: object, told: str) -> None:
    assert told in refusal(given)


@pytest.mark.parametrize("names", [("a", "a"), ("a", " ")])
def test_names_of_classes_are_different_and_not_empty(names: tuple[str, ...]) -> None:
    assert refusal(dataset(class_names=names)).startswith("class_names have to be different, and none empty: 'a', ")


def test_classes_that_a_split_lacks_are_told() -> None:
    three = dataset(
        class_names=("a", "b", "c"),
        train=Images(pixels(0), LABELS),
        test=Images(pixels(1), np.arange(16) % 3),
        validation=Images(pixels(2), LABELS * 0),
    )
    notes = prepare(check(three), train_size=None, validation_size=None, split_seed=0).notes
    assert [note.partition(":")[0] for note in notes] == [
        "no training images of 'c'",
        "no validation images of 'b', 'c'",
    ]
    assert "it is never learned" in notes[0]
    assert "decisions do not see it" in notes[1]
    whole = prepare(check(dataset()), train_size=None, validation_size=4, split_seed=0)
    assert not any(note.startswith("no training") or "differ in case" in note for note in whole.notes)


@pytest.mark.parametrize(
    "names", [("Benign", "benign", "ill"), ("no finding", "No_Finding", "mass"), ("M\u00fcll", "Mu\u0308ll", "x")]
)
def test_classes_that_are_one_in_two_spellings_are_told(names: tuple[str, ...]) -> None:
    labels = np.arange(16) % 3
    given = dataset(class_names=names, train=Images(pixels(0), labels), test=Images(pixels(1), labels))
    (note,) = [
        note
        for note in prepare(check(given), train_size=None, validation_size=3, split_seed=0).notes
        if "differ" in note
    ]
    assert note.startswith(
        f"classes {names[0]!r} (12 images) and {names[1]!r} (10) differ in case, blanks or signs alone, and are "
        "learned as two"
    )


def test_numbers_that_differ_in_their_sign_are_two_classes() -> None:
    labels = np.arange(16) % 3
    given = dataset(class_names=("-1", "0", "1"), train=Images(pixels(0), labels), test=Images(pixels(1), labels))
    notes = prepare(check(given), train_size=None, validation_size=3, split_seed=0).notes
    assert not any("differ" in note for note in notes)


@pytest.mark.parametrize("several", [False, True])
def test_a_class_that_training_images_have_in_another_spelling_is_refused(several: bool) -> None:
    """As folders are: no image of it could be right. Without such a split, all is one spelling."""

    def labelled(image: int, classes: list[int]) -> Images:
        labels = np.array(classes)[np.arange(16) % len(classes)]
        marks = np.eye(4, dtype=np.int64)[labels]
        marks[:2] = marks[:2].max(0)  # labels of which an image may have several
        return Images(pixels(image), marks if several else labels)

    given = dataset(class_names=("No", "Yes", "no", "yes"), train=labelled(0, [0, 1]), test=labelled(1, [2, 1]))
    with pytest.raises(
        DatasetError, match=rf"^{8 + several} test images are of class 'no', of which there are no training images"
    ):
        check(given)
    check(replace(given, test=labelled(1, [0, 1])))
    check(replace(given, train=labelled(0, [0, 1, 2])))


def test_channels_that_come_last_in_small_images_are_no_width() -> None:
    for shape in ((16, 16, 3), (8, 8, 1), (12, 12, 4), (10, 14, 3)):
        given = np.zeros((16, *shape), np.uint8)
        assert "Their channels seem to come last: pixels.transpose(0, 3, 1, 2)" in refusal(
            dataset(train=Images(given, LABELS), test=None)
        )
    few = Images(np.random.default_rng(0).integers(0, 255, (16, 3, 3, 3)).astype(np.uint8), LABELS)
    assert check(dataset(train=few, test=None)).train.pixels.shape == (16, 3, 3, 3)


@pytest.mark.parametrize(("notes", "told"), [(None, ()), ("one line", ("one line",)), (["a", "b"], ("a", "b"))])
def test_notes_are_lines_whatever_holds_them(notes: Any, told: tuple[str, ...]) -> None:
    assert check(dataset(notes=notes)).notes == told


def test_several_labels_may_be_floats_as_their_loss_takes_them() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (16, 2))
    labels[0] = 1
    given = dataset(train=Images(pixels(0), labels.astype(np.float32)), test=None)  # type: ignore[arg-type]
    assert np.array_equal(check(given).train.labels, labels)
    assert "train labels are float64 (16, 2), not integers" in refusal(
        dataset(train=Images(pixels(0), labels + 0.5), test=None)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("blank", ["", None, float("nan")])
def test_images_of_nobody_in_particular_are_groups_of_their_own(blank: object) -> None:
    groups: Any = [*["p1"] * 8, *[blank] * 8]
    found = check(dataset(train=Images(pixels(0), LABELS, groups=groups), test=None)).train.groups
    assert found is not None
    assert len(set(found.tolist())) == 9
    numbers: Any = np.arange(16) // 4
    kept = check(dataset(train=Images(pixels(0), LABELS, groups=numbers), test=None)).train.groups
    assert kept is not None
    assert kept.tolist() == [str(one) for one in numbers]
