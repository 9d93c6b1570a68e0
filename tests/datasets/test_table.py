"""Tables of labels: which column is what, which file is meant, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import ImageDataset
from hptui.datasets._spec import request_dataset
from hptui.errors import DatasetError


def draw(path: Path, seed: int) -> None:
    """One image of noise, different for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)).save(path)


def folder(root: Path, count: int = 40, below: str = "images") -> Path:
    """Images 000.png, 001.png, ... below a folder."""
    for index in range(count):
        draw(root / below / f"{index:03}.png", index)
    return root


def write(root: Path, lines: list[str], name: str = "labels.csv") -> Path:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, **wishes: object) -> ImageDataset:
    return request_dataset(f"table:{path}", data_dir=None, image_size=8, split_seed=0, **wishes)


def refusal(path: Path, **wishes: object) -> str:
    with pytest.raises(DatasetError) as caught:
        read(path, **wishes)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}").removeprefix(": ")


def by_name(dataset: ImageDataset) -> dict[str, str]:
    """Name of the class by the image's name."""
    return {
        name: dataset.class_names[label]
        for part in (dataset.train, dataset.validation, dataset.test)
        if part is not None and part.names is not None
        for name, label in zip(part.names.tolist(), part.labels.tolist(), strict=True)
    }


def test_labels_and_patients_come_from_the_table(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2},p{index // 4}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["file,label,patient", *rows]))
    assert dataset.name == "labels"
    assert dataset.class_names == ("0", "1")
    assert by_name(dataset) == {f"images/{index:03}.png": str(index % 2) for index in range(40)}
    assert dataset.train.groups is not None
    assert dataset.test.groups is not None
    assert len(set(dataset.train.groups) | set(dataset.test.groups)) == 10
    assert not set(dataset.train.groups) & set(dataset.test.groups)
    assert dataset.notes == (
        "columns of labels.csv: image = file, label = label, group = patient",
        "no test images of its own: 8 of 40 images were taken from training, 2 of 10 groups (split seed 0)",
    )


def test_a_kaggle_folder_takes_labels_from_its_table_and_leaves_the_rest_out(tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / "train_images" / f"tr{index:03}.png", index)
        draw(tmp_path / "test_images" / f"te{index:03}.png", 100 + index)
    rows = [f"tr{index:03},{index % 3}" for index in range(20)]
    dataset = read(write(tmp_path, ["id_code,diagnosis", *rows], "train.csv"))
    assert by_name(dataset) == {f"train_images/tr{index:03}.png": str(index % 3) for index in range(20)}
    assert dataset.train.groups is None
    assert dataset.notes[:2] == (
        "columns of train.csv: image = id_code, label = diagnosis",
        "left out, not named in the table: 20 "
        "(test_images/te000.png, test_images/te001.png, test_images/te002.png, ...)",
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_delimiters_encodings_and_quotation_marks(tmp_path: Path, delimiter: str, encoding: str) -> None:
    lines = [["Image Index", "Finding Labels", "Patient ID"]]
    lines += [[f"{index:03}.png", ("Ödem", '"a, b; c"')[index % 2], f"{index}"] for index in range(8)]
    path = folder(tmp_path, 8) / "labels.csv"
    path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    dataset = read(path)
    assert dataset.class_names == ("a, b; c", "Ödem")
    assert len(by_name(dataset)) == 8


def test_columns_can_be_named(tmp_path: Path) -> None:
    rows = [f"{index},{index % 3},{index:03}.png,{index % 2},s{index // 4}" for index in range(40)]
    path = write(folder(tmp_path), ["id,label,image,My Diagnosis,site", *rows])
    assert read(path).class_names == ("0", "1", "2")
    assert read(path).notes[0] == "columns of labels.csv: image = image, label = label"
    named = read(path, column={"label": "My Diagnosis", "group": "site"})
    assert named.class_names == ("0", "1")
    assert named.train.groups is not None
    assert set(named.train.groups) < {f"s{number}" for number in range(10)}


@pytest.mark.parametrize(
    ("header", "wishes", "message"),
    [
        ("file,diagnosis,target", {}, "'diagnosis' and 'target' may both be the label; say which with --column label="),
        ("file,path,label", {}, "'file' and 'path' may both be the image; say which with --column image=NAME."),
        (
            "file,patient_id,subject",
            {"column": {"label": "subject"}},
            "'patient_id' and 'subject' may both be the group",
        ),
        ("a,b,label", {}, "which column is the image? Say it with --column image=NAME. It has 'a', 'b', 'label'."),
        (
            "000.png,0,a",
            {},
            "which column is the image? Say it with --column image=NAME. It has '000.png', '0', 'a'. "
            "That is an image: write a first line with the names of the columns, such as image,label.",
        ),
        (
            "# made in 2024,a,b",
            {},
            "which column is the image? Say it with --column image=NAME. It has '# made in 2024', 'a', 'b'. "
            "That is a comment: the first line has to name the columns.",
        ),
        (
            "file,a,b",
            {},
            "which column is the label? Say it with --column label=NAME (--column label=NAME,NAME where each is a "
            "class or a label of its own). It has 'file', 'a', 'b'. Of 0 and 1 are: --column label=a,b.",
        ),
        ("file,label,x", {"column": {"group": "pat"}}, " has no column 'pat'. Known: file, label, x."),
        ("file,label,patient", {"column": {"group": "patien"}}, " has no column 'patien'. Did you mean 'patient'?"),
        ("file,label,label", {"column": {"label": "label"}}, " has several columns 'label'."),
    ],
)
def test_columns_that_are_not_clear_are_refused(tmp_path: Path, header: str, wishes: dict, message: str) -> None:
    path = write(folder(tmp_path, 8), [header, *[f"{index:03}.png,{index % 2},{index % 2}" for index in range(8)]])
    assert refusal(path, **wishes).startswith(message)


def test_splits_of_the_table_are_kept(tmp_path: Path) -> None:
    split = ["Train", "training", "VALID", "test"]
    rows = [f"images/{index:03}.png,{'ab'[index // 4 % 2]},{split[index % 4]}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["path,class,split", *rows]))
    assert dataset.validation is not None
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [20, 10, 10]
    assert dataset.test.names is not None
    assert dataset.test.names.tolist() == [f"images/{index:03}.png" for index in range(3, 40, 4)]


def test_other_words_are_no_splits(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{'ab'[index % 2]},{index % 5}" for index in range(40)]
    path = write(folder(tmp_path), ["path,class,fold", *rows])
    assert "fold holds other words than train, validation and test, and is no split" in read(path).notes[0]
    assert refusal(path, column={"split": "fold"}) == "line 2 has the split '0'; write train, validation or test."


def test_grades_that_differ_in_a_number_are_in_its_order(tmp_path: Path) -> None:
    rows = [f"images/{index:03}.png,Gleason {(10, 6, 7)[index % 3]}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["path,grade", *rows]))
    assert dataset.class_names == ("Gleason 6", "Gleason 7", "Gleason 10")


@pytest.mark.parametrize("words", [("0", "1"), ("False", "TRUE"), ("no", "yes"), ("0.0", "1.0")])
def test_what_a_column_marks_as_test_is_test(tmp_path: Path, words: tuple[str, str]) -> None:
    rows = [f"images/{index:03}.png,{'ab'[index % 2]},{words[index // 32]}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["path,class,is_test", *rows]))
    assert "; what is_test marks is test, and all else training" in dataset.notes[0]
    assert dataset.test.names is not None
    assert dataset.test.names.tolist() == [f"images/{index:03}.png" for index in range(32, 40)]


def test_a_column_that_marks_test_images_otherwise_is_no_split(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{'ab'[index % 2]},{index // 16}" for index in range(40)]
    path = write(folder(tmp_path), ["path,class,is_test", *rows])
    assert "is_test holds other words than train, validation and test, and is no split" in read(path).notes[0]


@pytest.mark.parametrize("word", ["exclude", "discard", "unused"])
def test_images_that_are_for_no_split_are_not_trained_on(tmp_path: Path, word: str) -> None:
    rows = [f"{index:03}.png,{'ab'[index % 2]},{('train', 'test', word)[index % 3]}" for index in range(40)]
    path = write(folder(tmp_path), ["path,class,split", *rows])
    assert refusal(path).endswith(
        f"column 'split' holds 'test' and {word!r}, which does not say what it is for: write train, validation or "
        "test, and take out lines that are for none of them."
    )


def test_a_part_that_a_split_does_not_name_is_refused_beside_one_that_it_does(tmp_path: Path) -> None:
    """It may be what is to be kept for the end; to draw all splits anew would train on it."""
    rows = [f"{index:03}.png,{'ab'[index % 2]},{('train', 'Hold-out')[index // 32]}" for index in range(40)]
    told = refusal(write(folder(tmp_path), ["path,class,split", *rows]))
    assert told.startswith(
        "column 'split' holds 'train' and 'Hold-out', which does not say what it is for: write train"
    )


def test_groups_of_a_table_in_two_splits_are_refused(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2},{'train' if index < 30 else 'test'},p{index // 4}" for index in range(40)]
    message = refusal(write(folder(tmp_path), ["file,label,split,patient", *rows]))
    assert "1 group of test is in train too: 'p7' (2 of 10 test images)" in message


def test_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{(index % 12)}.0" for index in range(36)]
    assert read(write(folder(tmp_path), ["file,grade", *rows])).class_names == tuple(map(str, range(12)))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (lambda index: index / 2, "column 'label' holds '0.5', which is no class."),
        (lambda index: 1, "column 'label' has only '1'; there must be at least two classes."),
        (lambda index: "", "column 'label' has no label; there must be at least two classes."),
        (lambda index: f"text {index}", "column 'label' has 40 different words for 40 images, which are no classes; "),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, label, message: str) -> None:
    rows = [f"{index:03}.png,{label(index)}" for index in range(40)]
    assert refusal(write(folder(tmp_path), ["file,label", *rows])).startswith(message)


@pytest.mark.parametrize("nothing", ["", "NaN", "nan", "N/A", "<NA>", "null"])
@pytest.mark.parametrize("labels", [("0", "1"), ("benign", "malignant")])
def test_where_programs_write_that_nothing_is_known_there_is_no_label(
    tmp_path: Path, nothing: str, labels: tuple[str, str]
) -> None:
    rows = [f"{index:03}.png,{labels[index % 2] if index % 5 else nothing}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["file,label", *rows]))
    assert dataset.class_names == labels
    assert len(by_name(dataset)) == 32
    assert "left out, without a label: 8 of 40 rows" in dataset.notes


def test_words_that_may_be_classes_are_classes(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{('none', 'NA', 'unknown')[index % 3]}" for index in range(40)]
    assert read(write(folder(tmp_path), ["file,label", *rows])).class_names == ("NA", "none", "unknown")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("/home/other/{:03}.png", "images/000.png"),  # of which folder is not said: it may be another
        ("{:03}.jpg", "images/000.png"),
        ("{:03}.PNG", "images/000.png"),
        ("{}", "images/000.png"),  # a spreadsheet takes leading zeros away
        ("elsewhere/{:03}.png", "images/000.png"),
    ],
)
def test_a_file_that_may_be_meant_is_named(tmp_path: Path, written: str, found: str) -> None:
    rows = [f"{written.format(index)},{index % 2}" for index in range(40)]
    told = refusal(write(folder(tmp_path), ["file,label", *rows]))
    assert told.endswith(f"There is {found}: write the images so, or as they are called without ending.")


def test_missing_files_are_named(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2}" for index in range(45)]
    assert refusal(write(folder(tmp_path), ["file,label", *rows])) == (
        f"5 of 45 images are not there: '040.png' in line 42, '041.png' in line 43, '042.png' in line 44 and 2 more; "
        f"looked for below {tmp_path}, where 40 image files are."
    )


def test_a_name_that_two_files_have_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, 4, "a")
    for index in range(4):
        draw(tmp_path / "b" / f"{index:03}.png", 100 + index)
    rows = [f"{index:03},{index % 2}" for index in range(4)]
    assert refusal(write(tmp_path, ["file,label", *rows])) == (
        "'000' in line 2 may be a/000.png or b/000.png; the table has to say which, with the folder."
    )
    rows = [f"{place}\\{index:03},{index % 2}" for index in range(4) for place in "ab"]
    assert len(by_name(read(write(tmp_path, ["file,label", *rows])))) == 8


def test_rows_without_label_or_named_again_are_told_and_contradictions_refused(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2},p{index}" for index in range(38)]
    path = write(folder(tmp_path), ["file,label,patient", *rows, "038.png,,p38", "000.png,0,p0", "039.png,1,"])
    dataset = read(path)
    assert dataset.notes[1:5] == (
        "left out, without a label: 1 of 41 rows",
        "left out, named again with the same label: 1 of 41 rows",
        "without a group, each taken as one of its own: 1 of 39 images",
        "left out, not named in the table: 1 (images/038.png)",
    )
    contradictory = write(tmp_path, ["file,label,patient", *rows, "000.png,1,p0"])
    assert refusal(contradictory) == (
        "'000.png' has the label '0' in line 2, and '1' in line 40. Write one row for each image: with the label that "
        "most say, or 0|1 where it has both."
    )
    folds = write(tmp_path, ["file,label,split", "000.png,0,train", "001.png,1,train", "000.png,0,test"])
    assert refusal(folds) == (
        "'000.png' has the split 'train' in line 2, and 'test' in line 4. Write one row for each image."
    )


def test_a_pattern_goes_before_a_column_that_was_guessed(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2},p{index}" for index in range(40)]
    path = write(folder(tmp_path), ["file,label,patient", *rows])
    dataset = read(path, group_pattern=r"([0-9])\.png")
    assert dataset.train.groups is not None
    assert set(dataset.train.groups) < set("0123456789")


def test_relative_and_absolute_paths_and_the_data_folder(tmp_path: Path) -> None:
    folder(tmp_path / "elsewhere", 8)
    path = write(tmp_path, ["file,label", *[f"images/{index:03}.png,{index % 2}" for index in range(8)]])
    for index in range(8, 12):
        draw(tmp_path / "more" / f"{index:03}.png", index)
    spec = f"table:{path}"
    dataset = request_dataset(spec, data_dir=tmp_path / "elsewhere", image_size=8, split_seed=0)
    assert len(dataset.train) + len(dataset.test) == 8
    absolute = [f"{tmp_path / 'elsewhere' / 'images'}/{index:03}.png,{index % 2}" for index in range(8)]
    names = by_name(read(write(tmp_path / "images", ["file,label", *absolute])))
    assert sorted(names) == [f"../elsewhere/images/{index:03}.png" for index in range(8)]


@pytest.mark.parametrize("content", [b"", b"file,label\n", b"\x00\x01\x02", b"PK\x03\x04x", b'file,label\n"a'])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    assert refusal(path)


def one_hot(root: Path, rows: list[str], count: int = 40) -> Path:
    return write(folder(root, count), ["image,MEL,NV,BCC", *[f"{index:03},{row}" for index, row in enumerate(rows)]])


MARKED = {"label": "MEL,NV,BCC"}


def test_columns_of_which_each_row_marks_one_are_classes(tmp_path: Path) -> None:
    rows = [("1.0,0.0,0.0", "0,1,0", ",,1")[index % 3] for index in range(40)]
    dataset = read(one_hot(tmp_path, rows), column=MARKED)
    assert (dataset.task, dataset.class_names) == ("single-label", ("MEL", "NV", "BCC"))
    assert {by_name(dataset)[f"images/{index:03}.png"] for index in range(0, 40, 3)} == {"MEL"}
    assert dataset.notes[1] == "every image has exactly one 1 in MEL, NV, BCC: these are classes"
    assert dataset.notes[2] == "empty cells in the columns of labels, taken for 0: 26 of 120"


@pytest.mark.parametrize(("other", "told"), [("0,0,0", True), ("1,1,0", False)])
def test_columns_that_are_labels_are_said_to_be_where_they_may_be_meant_as_classes(
    tmp_path: Path, other: str, told: bool
) -> None:
    rows = [("1,0,0", "0,1,0", "0,0,1", other)[index % 4] for index in range(40)]
    dataset = read(one_hot(tmp_path, rows), column=MARKED)
    assert dataset.task == "multi-label"
    says = "no image has several of MEL, NV, BCC, and 10 of 40 have none: they are taken as labels, not as classes"
    assert any(note.startswith(says) for note in dataset.notes) == told


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (["1,1,0"], "1 of 40 images have several of MEL, NV, BCC, and the others exactly one"),
        (
            ["1,1,0", "0,1,1", "0,0,0"],
            "2 of 40 images have several of MEL, NV, BCC, 1 none, and the others exactly one",
        ),
        (["1,1,0"] * 5, ""),
        (["1,1,0", *["0,0,0"] * 5], ""),
    ],
)
def test_few_rows_that_keep_columns_from_being_classes_are_told(tmp_path: Path, odd: list[str], told: str) -> None:
    rows = [*odd, *(("1,0,0", "0,1,0", "0,0,1")[index % 3] for index in range(40 - len(odd)))]
    dataset = read(one_hot(tmp_path, rows), column=MARKED)
    assert dataset.task == "multi-label"
    found = [note for note in dataset.notes if "if they are classes, mend those rows" in note]
    assert len(found) == bool(told)
    assert all(note.startswith(told) for note in found)


def test_marks_with_a_decimal_comma_are_marks(tmp_path: Path) -> None:
    rows = [f"{index:03};{('1,0;0,0;1,0', '0,0;1,0;0,0')[index % 2]}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["image;MEL;NV;BCC", *rows]), column=MARKED)
    assert dataset.task == "multi-label"
    assert {tuple(labels) for labels in dataset.train.labels.tolist()} == {(1, 0, 1), (0, 1, 0)}


def test_columns_that_mark_the_same_in_all_rows_are_refused(tmp_path: Path) -> None:
    assert "every image has a 1 in column 'NV' and in no other" in refusal(
        one_hot(tmp_path, ["0,1,0"] * 40), column=MARKED
    )


def test_columns_of_marks_are_named_where_no_label_is(tmp_path: Path) -> None:
    path = one_hot(tmp_path, [("1,0,0", "0,1,0", "0,0,1")[index % 3] for index in range(40)])
    assert refusal(path).endswith("Of 0 and 1 are: --column label=MEL,NV,BCC.")


@pytest.mark.parametrize(
    ("before", "shown"),
    [("CheXpert-v1.0/", "CheXpert-v1.0"), ("/home/kim/data/", "home/kim/data"), ("C:\\scans\\", "C:/scans")],
)
def test_folders_of_another_machine_before_all_paths_are_left_out_and_told(
    tmp_path: Path, before: str, shown: str
) -> None:
    rows = [f"{before}images/{index:03}.png,{index % 2}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["path,label", *rows]))
    assert len(by_name(dataset)) == 40
    assert dataset.notes[1] == f"left out, folders with which all paths of the table begin: 1 ({shown})"


def test_paths_may_begin_with_the_folder_of_the_table(tmp_path: Path) -> None:
    rows = [f"study_7/{index:03}.png,{index % 2}" for index in range(40)]
    dataset = read(write(folder(tmp_path / "study_7", below="."), ["path,label", *rows]))
    assert dataset.notes[1] == "left out, folders with which all paths of the table begin: 1 (study_7)"


@pytest.mark.parametrize(("before", "there"), [("test", False), ("data/test", False), ("data/train", True)])
def test_images_of_another_split_than_that_of_the_table_are_missing(tmp_path: Path, before: str, there: bool) -> None:
    rows = [f"{before}/cat/{index:03}.png,{index % 2}" for index in range(40)]
    path = write(folder(tmp_path / "train", below="cat"), ["path,label", *rows])
    if there:
        assert len(by_name(read(path))) == 40
    else:
        assert "40 of 40 images are not there" in refusal(path)


def test_one_path_that_begins_otherwise_is_missing(tmp_path: Path) -> None:
    rows = [f"{'a' if index else 'b'}/images/{index:03}.png,{index % 2}" for index in range(40)]
    assert refusal(write(folder(tmp_path), ["path,label", *rows])).startswith("40 of 40 images are not there")


@pytest.mark.parametrize("sign", [", ", ";", "+", " & "])
def test_lists_with_another_sign_are_classes_and_said_to_be(tmp_path: Path, sign: str) -> None:
    labels = ("Edema", "Mass", f"Edema{sign}Mass")
    rows = [f'{index:03}.png,"{labels[index % 3]}"' for index in range(60)]
    dataset = read(write(folder(tmp_path, 60), ["image,label", *rows]))
    assert dataset.notes[1] == (
        f"{labels[2]!r} is taken as a class of its own, beside 'Edema' and 'Mass': where an image may have several "
        "labels, write Edema|Mass"
    )


def test_a_list_of_which_but_one_is_a_class_by_itself_is_told_too(tmp_path: Path) -> None:
    labels = ("Edema", "Mass", "Edema;Nodule")
    rows = [f"{index:03}.png,{labels[index % 3]}" for index in range(60)]
    dataset = read(write(folder(tmp_path, 60), ["image,label", *rows]))
    assert "'Edema;Nodule' is taken as a class of its own, beside 'Edema': where an image may have" in dataset.notes[1]


def test_numbers_with_a_decimal_comma_are_numbers(tmp_path: Path) -> None:
    """As much of Europe writes them, where all are written so; what is no whole number is no class."""
    folder(tmp_path, 8)
    for first, second in (("2,0", "10,0"), ("0,5", "1,5")):
        path = write(tmp_path, ["file;label", *(f"{index:03};{(first, second)[index % 2]}" for index in range(8))])
        if first == "2,0":
            assert read(path).class_names == ("2", "10")
        else:
            assert "column 'label' holds '0.5', which is no class" in refusal(path)


@pytest.mark.parametrize(
    ("words", "told"), [(("TRUE", "FALSE", "1", "0"), True), (("TRUE", "FALSE"), False), (("0", "1", "2"), False)]
)
def test_several_words_for_yes_are_told(tmp_path: Path, words: tuple[str, ...], told: bool) -> None:
    folder(tmp_path, 16)
    rows = [f"{index:03},{words[index % len(words)]}" for index in range(16)]
    notes = read(write(tmp_path, ["file,label", *rows])).notes
    line = "'0', '1', 'FALSE', 'TRUE' of column 'label' are taken as 4 classes"
    assert any(note.startswith(line) for note in notes) is told


def test_a_patient_who_became_a_number_with_a_point_is_the_same(tmp_path: Path) -> None:
    """Where a cell is empty, pandas writes all whole numbers so."""
    folder(tmp_path, 12)
    rows = [f"{index:03},{index % 2},{'train' if index < 8 else 'test'},{index % 4}" for index in range(12)]
    rows[8:] = [*(f"{row}.0" for row in rows[8:11]), "011,1,test,"]
    assert "group" in refusal(write(tmp_path, ["file,label,split,patient", *rows]))


def test_a_split_that_some_lines_lack_is_refused(tmp_path: Path) -> None:
    """Not left out as a whole, with the test images that it names."""
    folder(tmp_path, 12)
    splits = ["train"] * 6 + ["test"] * 4 + [""] * 2
    rows = [f"{index:03},{index % 2},{split}" for index, split in enumerate(splits)]
    said = refusal(write(tmp_path, ["file,label,split", *rows]))
    assert "column 'split' says 'test' in some lines, and nothing in others: write train, validation or test" in said


@pytest.mark.parametrize(
    ("header", "row", "cells"),
    [("file,label", "{:03}.png,Edema,Effusion", 3), ("file,weight,label", "{:03}.png,3,5,1", 4)],
)
def test_a_line_with_more_cells_than_names_is_refused(tmp_path: Path, header: str, row: str, cells: int) -> None:
    """Else the label would be what stands after a comma within a cell, or lack what does."""
    right = [f"{index:03}.png{',1' * header.count(',')}," for index in range(7)]
    said = refusal(write(folder(tmp_path, 8), [header, *right, row.format(7)]))
    assert said.startswith(
        f"line 9 has {cells} cells, and the first line names {header.count(',') + 1} columns: what separates the cells "
        "has to be in quotes within one"
    )
    assert said.endswith("with decimal commas (3,5), separate the cells by ;.")


def test_empty_cells_at_the_end_are_no_surplus(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{index % 2}{', ,' * (index % 3)}" for index in range(8)]
    assert read(write(folder(tmp_path, 8), ["file,label", *rows])).class_names == ("0", "1")


def test_names_of_rows_without_a_name_are_refused_with_what_to_write(tmp_path: Path) -> None:
    rows = [f'"{index + 1}","{index:03}.png",{index % 2}' for index in range(8)]
    said = refusal(write(folder(tmp_path, 8), ['"file","label"', *rows]))
    assert said.startswith("every line has 3 cells, and the first line names 2 columns: what separates the cells has")
    assert said.endswith("write the table without them (in R: row.names=FALSE).")


@pytest.mark.parametrize(
    ("first", "second"),
    [("[0, 1, 0]", "[1, 0, 0]"), ("[0. 1. 1.]", "[1. 0. 1.]"), ("0|1|0", "0|0|1"), ("(0, 1, 1)", "(1, 1, 1)")],
)
def test_a_vector_of_marks_in_one_cell_is_refused(tmp_path: Path, first: str, second: str) -> None:
    """Read as a list of labels, all rows with the same marks in other places would be alike."""
    rows = [f'{index:03}.png,"{(first, second)[index % 2]}"' for index in range(40)]
    said = refusal(write(folder(tmp_path), ["image,label", *rows]))
    assert said.startswith(f"column 'label' holds 3 of 0 and 1 in each cell ({first!r} in line 2), which do not say")
    assert "write a column of 0 and 1 for each label, and name them with --column label=NAME,NAME; or" in said


def test_lists_of_numbers_of_classes_are_no_vectors_of_marks(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{('0', '1', '0|1')[index % 3]}" for index in range(40)]
    assert read(write(folder(tmp_path), ["image,label", *rows])).task == "multi-label"


def test_numbers_with_a_low_line_are_words(tmp_path: Path) -> None:
    """Python takes 1_0 for 10 and 0_1 for 1."""
    rows = [f"{index:03}.png,{('0_1', '1_0', '1', '10')[index % 4]}" for index in range(40)]
    assert read(write(folder(tmp_path), ["image,label", *rows])).class_names == ("0_1", "1", "10", "1_0")


@pytest.mark.parametrize("name", ["is_valid", "isVal"])
def test_what_a_column_marks_as_validation_is_validation(tmp_path: Path, name: str) -> None:
    rows = [f"images/{index:03}.png,{'ab'[index % 2]},{index >= 32}" for index in range(40)]
    dataset = read(write(folder(tmp_path), [f"path,class,{name}", *rows]))
    assert f"; what {name} marks is validation, and all else training" in dataset.notes[0]
    assert dataset.validation is not None
    assert dataset.validation.names is not None
    assert dataset.validation.names.tolist() == [f"images/{index:03}.png" for index in range(32, 40)]


@pytest.mark.parametrize(
    ("header", "unread"),
    [
        ("path,class,is_train,site", "is_train"),
        ("path,class,train,test", "train, test"),
        ("path,class,is_test,is_valid", "is_valid"),
        ("path,class,split,test", ""),
        ("path,class,a,b", ""),
    ],
)
def test_columns_that_may_mark_splits_and_are_not_read_are_told(tmp_path: Path, header: str, unread: str) -> None:
    words = ("train", "test") if "split" in header else ("0", "1")
    rows = [f"{index:03}.png,{'ab'[index % 2]},{words[index > 29]},{index // 15 % 2}" for index in range(40)]
    told = [note for note in read(write(folder(tmp_path), [header, *rows])).notes if note.startswith("not read: ")]
    assert [note.partition(". Where that says which images are for training, ")[0] for note in told] == (
        [f"not read: {unread}"] if unread else []
    )
    assert all(("may be trained on" in note) == ("is_test" not in header) for note in told)


@pytest.mark.parametrize("nothing", ["#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", ".", "-"])
def test_errors_of_a_workbook_and_signs_for_nothing_are_no_label_and_no_split(tmp_path: Path, nothing: str) -> None:
    rows = [f"{index:03}.png,{'ab'[index % 2] if index % 5 else nothing},{nothing}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["file,label,split", *rows]))
    assert dataset.class_names == ("a", "b")
    assert "left out, without a label: 8 of 40 rows" in dataset.notes


def test_minus_beside_plus_is_a_class(tmp_path: Path) -> None:
    rows = [f"{index:03}.png,{('-', '+', '++')[index % 3]}" for index in range(40)]
    assert set(read(write(folder(tmp_path), ["file,label", *rows])).class_names) == {"-", "+", "++"}


@pytest.mark.parametrize("nobody", ["NA", "None", "unknown", "-", "?"])
def test_nobody_is_no_patient(tmp_path: Path, nobody: str) -> None:
    """Else all images of unknown patients would be of one, and in one split."""
    rows = [f"{index:03}.png,{index % 2},{f'p{index // 4}' if index < 20 else nobody}" for index in range(40)]
    dataset = read(write(folder(tmp_path), ["file,label,patient", *rows]))
    assert "without a group, each taken as one of its own: 20 of 40 images" in dataset.notes


def test_two_rows_of_an_image_that_mark_other_labels_are_refused_with_what_to_write(tmp_path: Path) -> None:
    path = write(folder(tmp_path, 3), ["image,MEL,NV", "000,1,0", "001,0,1", "000,0,1"])
    assert refusal(path, column={"label": "MEL,NV"}).endswith(
        "Write one row for each image, with a 1 for every label that it has."
    )


def test_a_file_by_two_paths_is_one_image(tmp_path: Path) -> None:
    """Else the same image could be learned and tested."""
    rows = [f"{before}{index:03}.png,{index % 2}" for index in range(20) for before in ("images/", "images/../images/")]
    below = folder(tmp_path, 20) / "images"
    rows += [f"{below}/{index:03}.png,{index % 2}" for index in range(20)]
    dataset = read(write(tmp_path, ["file,label", *rows[::-1]]))
    assert sorted(by_name(dataset)) == [f"images/{index:03}.png" for index in range(20)]
    assert "left out, named again with the same label: 40 of 60 rows" in dataset.notes
    assert not any("not named in the table" in note for note in dataset.notes)


def test_the_folder_above_that_of_a_link_is_another(tmp_path: Path) -> None:
    folder(tmp_path / "elsewhere", 4)
    for index in range(4):
        draw(tmp_path / f"{index:03}.png", 100 + index)
        draw(tmp_path / "elsewhere" / f"{index:03}.png", 200 + index)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "images")
    rows = [f"{before}{index:03}.png,{index % 2}" for index in range(4) for before in ("", "link/../")]
    dataset = read(write(tmp_path, ["file,label", *rows]))
    assert len(dataset.train) + len(dataset.test) == 8


def test_a_first_line_for_excel_says_what_separates_the_cells(tmp_path: Path) -> None:
    rows = [f"{index:03}.png;{index % 2}" for index in range(8)]
    path = write(folder(tmp_path, 8), ["sep=;", "file;label, as read;x", *(f"{row};" for row in rows)])
    assert read(path, column={"label": "label, as read"}).class_names == ("0", "1")
    assert "'900.png' in line 11" in refusal(write(tmp_path, ["sep=;", "file;label", *rows, "900.png;0"]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04x", "is no text, maybe a workbook; save it as CSV."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook of old Excel (.xls); save it as CSV."),
        (b"PAR1\0", "is a Parquet file; save it as CSV."),
        (b"\x1f\x8b\x08", "is compressed (gzip); unpack it."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 9\n", "get it with: git lfs pull."),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "not a table; get the table itself, as CSV."),
        (b"image,label\na\0b,c\n", "is no text; save the table as CSV, in UTF-8."),
    ],
)
def test_other_files_are_said_to_be_what_they_are(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    assert refusal(path).endswith(says)


def test_a_first_column_pk_makes_no_workbook(tmp_path: Path) -> None:
    rows = [f"{index},{index:03}.png,{index % 2}" for index in range(8)]
    assert read(write(folder(tmp_path, 8), ["PK,file,label", *rows])).class_names == ("0", "1")


def test_long_numbers_are_told_apart(tmp_path: Path) -> None:
    """Codes of SNOMED have up to 18 digits; a float is the same for both of these."""
    codes = ("900000000000000001", "900000000000000002")
    rows = [f"{index:03}.png,{codes[index % 2]}" for index in range(8)]
    assert read(write(folder(tmp_path, 8), ["file,label", *rows])).class_names == codes
