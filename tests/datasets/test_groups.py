"""Groups: named by a pattern on the path, kept whole by every split, and seen where nobody named them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hptui.datasets import ImageDataset, Images
from hptui.datasets._check import check
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.datasets._split import split_off
from hptui.datasets._whole_groups import sample_whole
from hptui.errors import ConfigError, DatasetError

GENERAL = "'([^/]*[0-9][^/]*)[-_ ][^-_ /]+$'"
DERIVED = "'([^/]*?[0-9]+)(?:[-_ ][A-Za-z][^/]*)?\\.[^./]+$'"
BEFORE_DATE = "'([^/]+?)[-_ ](?:19|20)[0-9]{2}[-_.]?[01][0-9][^/]*$'"


def patients(root: Path, count: int = 60, each: int = 8) -> Path:
    """Images whose class is random per patient, with the patient's own texture: nothing else can be learned."""
    random = np.random.default_rng(11)
    labels = random.permutation([0, 1] * (count // 2))
    for patient in range(count):
        texture = np.kron(random.normal(110, 60, (12, 12)), np.ones((2, 2)))
        folder = root / ("neg", "pos")[labels[patient]]
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(each):
            pixels = (texture + random.normal(0, 15, (24, 24))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"p{patient:02}_{index}.png")
    return root


def read(root: Path, **wishes: object) -> ImageDataset:
    dataset = request_dataset(f"folder:{root}", data_dir=None, image_size=24, split_seed=0, **wishes)
    return prepare(dataset, train_size=None, validation_size=None, split_seed=0)


def by_split(dataset: ImageDataset) -> dict[str, set[str]]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {
        split: set(images.groups.tolist())
        for split, images in splits.items()
        if images is not None and images.groups is not None
    }


def nearest_neighbour_accuracy(dataset: ImageDataset) -> float:
    """How well the most similar training image tells the class of a test image: a leak needs no network."""
    train, test = (part.pixels.reshape(len(part), -1).astype(np.float32) for part in (dataset.train, dataset.test))
    nearest = ((test[:, np.newaxis] - train) ** 2).sum(2).argmin(1)
    return float((dataset.train.labels[nearest] == dataset.test.labels).mean())


def numbered(labels: npt.NDArray[np.int64], groups: npt.NDArray[np.str_] | None) -> Images:
    """Images that are all different."""
    pixels = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 1, 2, 2)
    return Images(pixels, labels, groups, np.array([f"{index}.png" for index in range(len(labels))]))


def test_a_pattern_names_patients_and_ends_the_leak(tmp_path: Path) -> None:
    root = patients(tmp_path)
    leaking, grouped = read(root), read(root, group_pattern=r"/(p\d+)_")
    assert nearest_neighbour_accuracy(leaking) == 1
    assert 0.3 < nearest_neighbour_accuracy(grouped) < 0.7
    groups = by_split(grouped)
    assert sum(map(len, groups.values())) == 60
    assert set().union(*groups.values()) == {f"p{number:02}" for number in range(60)}
    assert np.bincount(grouped.test.labels).tolist() == [48, 48]
    assert grouped.validation is not None
    assert np.bincount(grouped.validation.labels).tolist() == [32, 32]  # nearest to 15 % of 384
    assert grouped.notes[0] == (
        "no test images of its own: 96 of 480 images were taken from training, 12 of 60 groups (split seed 0)"
    )


def test_names_that_look_like_groups_are_told_with_the_pattern(tmp_path: Path) -> None:
    dataset = read(patients(tmp_path, 12, 4))
    (note,) = [note for note in dataset.notes if "look like groups" in note]
    assert note.startswith("file names look like groups: 12 such as 'p00' for 48 images (")
    assert note.endswith(
        f" of them in more than one split). If these are patients, keep each in one split with "
        f"--group-pattern {GENERAL}"
    )
    given = read(tmp_path, group_pattern=GENERAL.strip("'"))
    assert set().union(*by_split(given).values()) == {f"p{number:02}" for number in range(12)}
    assert not any("look like groups" in note for note in given.notes)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["a/patient_012_3.png", "a/patient_012_4.png"], "'(patient_[0-9]+)'"),
        (["a/person1_bacteria_1.png", "a/person1_bacteria_2.png"], "'(person[0-9]+)'"),
        (["a/IM-0001-0001.png", "a/IM-0001-0002.png"], GENERAL),
        (["a/00000001_000.png", "a/00000001_001.png"], GENERAL),
        (["a/f1/0.png", "a/f1/1.png"], "'^[^/]+/([^/]+)'"),
        (["train/a/f1/0.png", "train/a/f1/1.png"], "'^[^/]+/[^/]+/([^/]+)'"),
        (["a/doe1_2020-02-03.png", "a/doe1_2021-02-03.png"], BEFORE_DATE),
        (["a/doe1 20200203.png", "a/doe1 20210203 left.png"], BEFORE_DATE),
        (["a/doe1/20200203/0.png", "a/doe1/20210203/0.png"], "'^[^/]+/([^/]+)'"),
        (["a/photo_20201203_1.png", "a/photo_20201203_2.png"], GENERAL),
        (["a/im01.png", "a/im01_flip.png", "a/im01-rot90.png"], DERIVED),
        (["a/blk7-TCGA-A1-0001-01Z.png", "a/blk8-TCGA-A1-0001-01Z.png"], "'(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})'"),
        (["a/img_001.png", "a/img_002.png"], None),
        (["a/001.png", "a/002.png"], None),
        (["a/covid19.png", "a/covid20.png"], None),
        (["a/img_001_left.png", "b/img_001_left.png"], None),
    ],
)
def test_which_names_look_like_groups(names: list[str], pattern: str | None) -> None:
    every = [name.replace("1", str(number), 1) for number in (1, 2, 3, 4) for name in names]
    labels = np.arange(len(every)) % 2
    train = replace(numbered(labels, None), names=np.array(every))
    test = replace(numbered(labels, None), names=np.array(every))
    notes = check(ImageDataset("x", ("a", "b"), train, test), allow_overlap=True).notes
    told = [note.partition("--group-pattern ")[2] for note in notes if "--group-pattern" in note]
    assert told == ([] if pattern is None else [pattern])


def test_an_image_beside_the_folders_of_patients_is_no_example_of_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(6):
            for name in (f"1loose{number}.png", f"p{number}/0.png", f"p{number}/1.png"):
                path = tmp_path / label / name
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, (24, 24), dtype=np.uint8)).save(path)
    (note,) = [note for note in read(tmp_path).notes if "look like groups" in note]
    assert note.startswith("file names look like groups: 12 such as 'p0' for 36 images (")


def test_a_pattern_that_misses_paths_names_one(tmp_path: Path) -> None:
    patients(tmp_path, 6, 3)
    Image.new("L", (9, 9), 7).save(tmp_path / "pos" / "other.png")
    with pytest.raises(DatasetError, match=r"names no group in 1 of 19 paths, for example 'pos/other\.png'"):
        read(tmp_path, group_pattern=r"(p\d+)_")


def test_a_data_set_without_names_takes_no_pattern() -> None:
    with pytest.raises(DatasetError, match="digits: --group-pattern looks at the paths of images, and these have none"):
        request_dataset("digits", data_dir=None, image_size=None, split_seed=0, group_pattern="(x)")


def test_columns_are_for_tables_alone() -> None:
    with pytest.raises(ConfigError, match="column: only a table has columns; data set 'digits' has none"):
        request_dataset("digits", data_dir=None, image_size=None, split_seed=0, column={"group": "patient"})


def test_given_splits_that_share_groups_are_refused_unless_allowed() -> None:
    labels = np.arange(8) % 2
    train = numbered(labels, np.array(list("aabbccdd")))
    pixels = train.pixels + 100
    test = Images(pixels, labels, np.array(list("ddeeffgg")))
    dataset = ImageDataset("own", ("no", "yes"), train, test)
    words = "1 group of test is in train too: 'd' \\(2 of 8 test images\\)"
    with pytest.raises(DatasetError, match=f"^{words}. Take them out of one of the two, or allow it"):
        check(dataset)
    assert check(dataset, allow_overlap=True).notes == (words.replace("\\", ""),)


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_any_size_are_kept_whole_and_classes_keep_their_share(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 30, 80)
    groups = np.repeat(np.arange(80), sizes).astype(np.str_)
    labels = np.repeat(random.choice(3, 80, p=[0.6, 0.3, 0.1]), sizes)
    labels[random.random(len(labels)) < 0.1] = 0  # patients with images of two classes
    images = numbered(labels, groups)
    size = len(labels) // 5
    rest, taken = split_off(images, size, seed=seed, purpose="test", class_names=("a", "b", "c"))
    assert rest.groups is not None
    assert taken.groups is not None
    assert not set(rest.groups.tolist()) & set(taken.groups.tolist())
    assert len(rest) + len(taken) == len(labels)
    assert len(taken) == pytest.approx(size, rel=0.05)
    assert np.bincount(taken.labels) / np.bincount(labels) == pytest.approx(0.2, abs=0.04)
    again = split_off(images, size, seed=seed, purpose="test", class_names=("a", "b", "c"))[1]
    assert np.array_equal(again.pixels, taken.pixels)
    other = split_off(images, size, seed=seed + 1, purpose="test", class_names=("a", "b", "c"))[1]
    assert not np.array_equal(other.pixels, taken.pixels)


def test_a_split_of_groups_is_as_fair_as_that_of_scikit_learn() -> None:
    """Its distance from the shares that were wanted, over ten data sets, is not larger."""
    from sklearn.model_selection import StratifiedGroupKFold

    def distance(taken: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
        return float(np.abs(np.bincount(labels[taken], minlength=3) / np.bincount(labels) - 0.2).max())

    own, theirs = [], []
    for seed in range(10):
        random = np.random.default_rng(seed)
        sizes = random.integers(1, 20, 60)
        groups, labels = np.repeat(np.arange(60), sizes), np.repeat(random.choice(3, 60, p=[0.6, 0.25, 0.15]), sizes)
        images = numbered(labels, groups.astype(np.str_))
        taken = split_off(images, len(labels) // 5, seed=seed, purpose="test", class_names=("a", "b", "c"))[1]
        own.append(distance(taken.pixels.reshape(-1, 4).view(np.uint32)[:, 0].astype(np.int64), labels))
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        theirs.append(distance(next(folds.split(labels, labels, groups))[1], labels))
    assert np.mean(own) <= np.mean(theirs)


def test_a_class_of_one_patient_is_told() -> None:
    images = numbered(np.array([0] * 10 + [1] * 5), np.array([f"p{index // 2}" for index in range(10)] + ["x"] * 5))
    with pytest.raises(
        DatasetError, match=r"with each group in one of them \(class 'ill' is in 1\): add images"
    ) as caught:
        split_off(images, 3, seed=0, purpose="test", class_names=("well", "ill"))
    assert "\n" not in str(caught.value)


def test_without_groups_and_equal_images_every_image_is_drawn_by_itself() -> None:
    images = numbered(np.arange(200) % 2, None)
    plain = split_off(images, 40, seed=4, purpose="test", class_names=("a", "b"))
    looked = split_off(images, 40, seed=4, purpose="test", class_names=("a", "b"), keep_equal=True)
    for one, other in zip(plain, looked, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    assert plain[1].pixels.reshape(-1, 4).view(np.uint32)[:6, 0].tolist() == [2, 3, 5, 10, 21, 23]


@pytest.mark.parametrize("given", [[1, 2, 3, 4], np.array(["a", "b", "c", "d"]), np.array([1, "b", 2, "d"], object)])
def test_groups_and_names_become_text(given: object) -> None:
    images = Images(numbered(np.arange(4) % 2, None).pixels, np.arange(4) % 2, given, given)  # type: ignore[arg-type]
    other = replace(images, pixels=images.pixels + 50, groups=None, names=None)
    checked = check(ImageDataset("own", ("a", "b"), images, other))
    for kept in (checked.train.groups, checked.train.names):
        assert kept is not None
        assert kept.tolist() == [str(entry) for entry in np.asarray(given).tolist()]
    assert checked.test.groups is None
    assert checked.test.names is None


@pytest.mark.parametrize("field", ["groups", "names"])
@pytest.mark.parametrize("given", [["a", "b", "c"], [["a"], ["b"], ["c"], ["d"]], [0.5, 1.5, 2.5, 3.5], "abcd"])
def test_groups_and_names_of_another_shape_or_kind_are_refused(field: str, given: object) -> None:
    images = replace(numbered(np.arange(4) % 2, None), **{field: given})
    other = replace(images, pixels=images.pixels + 50, groups=None, names=None)
    with pytest.raises(DatasetError, match=rf"train {field} are .*, not text \(4,\)"):
        check(ImageDataset("own", ("a", "b"), images, other))


@pytest.mark.parametrize("ill", [2, 3])
def test_few_patients_with_many_images_can_be_split(ill: int) -> None:
    """15 % of their images is less than one patient has; with two of them one is for each side."""
    patients = np.repeat(np.arange(10), 5)
    labels = (patients < ill).astype(np.int64)
    taken = sample_whole(labels, patients, 7, [0, 2])
    assert taken is not None
    assert len(set(patients[taken][labels[taken] == 1])) == 1
    assert {0, 1} == set(labels[taken]) == set(np.delete(labels, taken))
    assert len(taken) == 10
    assert sample_whole(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 2, 2, 2]), 2, [0]) is None


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        (
            "p{}",
            "P{}",
            "groups 'P0' and 'p0' differ in case, blanks or zeros before a number alone (8 such, 8 of them in",
        ),
        (
            "{:03}",
            "{}",
            "groups '0' and '000' differ in case, blanks or zeros before a number alone (8 such, 8 of them in",
        ),
        ("p{}", "q{}", ""),
    ],
)
def test_one_patient_in_two_spellings_is_told(train: str, test: str, told: str) -> None:
    """In two splits as in one: a split that is made would not keep them together either."""
    labels, numbers = np.arange(16) % 2, np.arange(16) // 2
    parts = [numbered(labels, np.array([form.format(number) for number in numbers])) for form in (train, test)]
    other = replace(parts[1], pixels=parts[1].pixels + np.uint8(100))
    notes = check(ImageDataset("own", ("a", "b"), parts[0], other)).notes
    assert [note for note in notes if note.startswith("groups ")] == [note for note in notes if told and told in note]
    assert any("differ" in note for note in notes) is bool(told)


def test_patients_of_which_some_have_a_zero_before_their_number_are_several() -> None:
    """P010 and P10 of one split are of somebody who counts so."""
    labels, groups = np.arange(24) % 2, np.array([f"P{index // 2:0{2 + index % 2}}" for index in range(24)])
    notes = check(ImageDataset("own", ("a", "b"), numbered(labels, groups), None)).notes
    assert not any(note.startswith("groups ") for note in notes)


def test_groups_of_one_image_each_are_told(tmp_path: Path) -> None:
    """A pattern that fits the image, and not the patient, keeps nothing together."""
    root = patients(tmp_path, count=6, each=4)
    assert any("each of the 24 images is a group of its own" in note for note in read(root, group_pattern="(.+)").notes)
    assert not any("of its own, so" in note for note in read(root, group_pattern="(p[0-9]+)").notes)
