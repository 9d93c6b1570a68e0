"""Labelled images that a trained network is put to: all of them count, at the depth that it was trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from deep_files import write_dicom
from PIL import Image

from hptui.config import Layer, resolve
from hptui.datasets._reading import read_dataset
from hptui.errors import DatasetError
from hptui.record.data_summary import FileKinds
from hptui.record.intensity import Depth, Intensity
from hptui.training.evaluating import ExternalImages, read_external


def read(
    spec: str, depth: Depth, *, trained: Any = None, run: Any = None, channels: int = 1, **settings: Any
) -> ExternalImages:
    """The images, as a network of 8 pixels that was trained at that depth gets them."""
    predictor: Any = SimpleNamespace(
        task="single-label",
        image_shape=(channels, 8, 8),
        intensity=Intensity("minmax", -100.0, 900.0, depth),
        class_names=("ill", "well"),
    )
    study: Any = SimpleNamespace(fingerprint="of other images", data=trained)
    return read_external(spec, resolve([Layer("test", settings)]).config, predictor, study, run)


def hospital(folder: Path, slope: str, patients: int = 2) -> str:
    """DICOM files of two patients, one of each class, three images each, with a table."""
    rows = ["file,label,patient"]
    for index in range(3 * patients):
        values = np.random.default_rng(index).integers(0, 400, (8, 8), dtype=np.uint16)
        path = write_dicom(folder / f"{index}.dcm", values, RescaleSlope=slope, RescaleIntercept="-100")
        patient = index // 3
        rows.append(f"{path.name},{('well', 'ill')[patient % 2]},p{patient}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return f"table:{folder / 'labels.csv'}"


@pytest.mark.parametrize(("slope", "depth"), [("1", "float32"), ("0.5", "int16"), ("2", "uint16")])
def test_dicom_of_another_rescale_is_brought_to_the_depth_of_the_training(
    tmp_path: Path, slope: str, depth: Depth
) -> None:
    """Both hospitals have values in units; how they store them is beside the point."""
    images = read(hospital(tmp_path, slope), depth).images
    assert images.pixels.dtype == depth
    stored = np.random.default_rng(0).integers(0, 400, (8, 8), dtype=np.uint16)
    limits = np.iinfo(depth) if depth != "float32" else None
    units = stored * float(slope) - 100
    expected = units if limits is None else np.rint(units).clip(limits.min, limits.max)
    assert images.names is not None
    assert np.array_equal(images.pixels[images.names.tolist().index("0.dcm"), 0], expected)


def test_all_images_may_be_of_one_class(tmp_path: Path) -> None:
    """Of ill people alone, say: the network knows the other class, and sensitivity needs none. A study is refused."""
    for index in range(4):
        (tmp_path / "set" / "well").mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(index).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(values).save(tmp_path / "set" / "well" / f"{index}.png")
    (tmp_path / "set" / "labels.csv").write_text(
        "\n".join(["image,label", *(f"{index}.png,well" for index in range(4))])
    )
    predictor: Any = SimpleNamespace(
        task="single-label",
        image_shape=(1, 8, 8),
        intensity=Intensity("full", 0.0, 255.0, "uint8"),
        class_names=("ill", "well"),
    )
    study: Any = SimpleNamespace(fingerprint="of other images", data=None)
    config = resolve([Layer("test", {})]).config
    for spec in (f"folder:{tmp_path / 'set'}", f"table:{tmp_path / 'set' / 'labels.csv'}"):
        assert read_external(spec, config, predictor, study).images.labels.tolist() == [1, 1, 1, 1]
        with pytest.raises(DatasetError, match="at least two classes"):
            read_dataset(resolve([Layer("test", {"dataset": spec})]).config)


def test_a_network_of_labels_takes_a_table_in_which_each_image_happens_to_have_one(tmp_path: Path) -> None:
    rows = ["file,B,A", *[f"{index}.png,{index % 2},{1 - index % 2}" for index in range(4)]]
    for index in range(4):
        Image.fromarray(np.full((8, 8), 50 * index, np.uint8)).save(tmp_path / f"{index}.png")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    predictor: Any = SimpleNamespace(
        task="multi-label",
        image_shape=(1, 8, 8),
        intensity=Intensity("full", 0.0, 255.0, "uint8"),
        class_names=("A", "B"),
    )
    config = resolve([Layer("test", {"column": {"label": "B,A"}})]).config
    study: Any = SimpleNamespace(fingerprint="of other images", data=None)
    images = read_external(f"table:{tmp_path / 'labels.csv'}", config, predictor, study).images
    assert images.names is not None
    found = dict(zip(images.names.tolist(), images.labels.tolist(), strict=True))
    assert found == {f"{index}.png": [1 - index % 2, index % 2] for index in range(4)}


def test_files_whose_values_have_no_unit_are_refused_at_another_depth(tmp_path: Path) -> None:
    for index in range(4):
        path = tmp_path / "ab"[index % 2].replace("a", "ill").replace("b", "well") / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), 200 * index, np.uint16)).save(path)
    with pytest.raises(DatasetError, match=r"\.png has pixels of 16 bits, the network was trained on 8 bits"):
        read(f"folder:{tmp_path}", "uint8")


def test_all_images_count_and_none_are_said_to_be_taken(tmp_path: Path) -> None:
    """With a patient of each class nothing could be split off; nothing needs to be."""
    found = read(hospital(tmp_path, "1"), "int16")
    assert len(found.images) == 6
    assert not any("were taken" in note or "none taken" in note for note in found.notes)
    assert found.notes[-1] == "all 6 images count, whatever their split."


def test_images_that_come_again_are_told(tmp_path: Path) -> None:
    """They are in no two splits, since all are joined; but each counts in every metric."""
    first = tmp_path / "ill" / "0.png"
    for index in range(10):
        pixels = np.random.default_rng(index).integers(0, 255, (8, 8), dtype=np.uint8)
        path = tmp_path / ("ill", "well")[index % 2] / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    assert not any("equal another" in note for note in read(f"folder:{tmp_path}", "uint8").notes)
    for again in ("ill/again.png", "well/again.png"):
        (tmp_path / again).write_bytes(first.read_bytes())
    expected = "2 of 12 images equal another one, 1 of them with another label: each counts every time."
    assert expected in read(f"folder:{tmp_path}", "uint8").notes


@pytest.mark.parametrize(("mode", "pages", "told"), [("RGB", 1, "colour"), ("L", 1, "1 page"), ("L", 3, "")])
def test_a_network_of_all_pages_takes_no_other_channels(tmp_path: Path, mode: str, pages: int, told: str) -> None:
    for index in range(4):
        path = tmp_path / ("ill", "well")[index % 2] / f"{index}.tif"
        path.parent.mkdir(exist_ok=True)
        drawn = [Image.new(mode, (8, 8), 10 * index + page) for page in range(pages)]  # type: ignore[arg-type]
        drawn[0].save(path, save_all=True, append_images=drawn[1:])
    kinds = FileKinds(files=9, grey=9, square=9)
    trained = SimpleNamespace(mean=20, deviation=10, kinds=kinds)
    if not told:
        assert read(f"folder:{tmp_path}", "uint8", trained=trained, channels=3, pages="all").images.pixels.shape[1] == 3
        return
    with pytest.raises(DatasetError, match=f"has files of {told}; the network was trained on all pages"):
        read(f"folder:{tmp_path}", "uint8", trained=trained, channels=3, pages="all")


def test_values_in_units_are_refused_by_a_network_of_other_files(tmp_path: Path) -> None:
    kinds = FileKinds(files=9, grey=9, square=9)
    trained = SimpleNamespace(mean=20, deviation=10, kinds=kinds)
    with pytest.raises(DatasetError, match="their values have no common scale"):
        read(hospital(tmp_path, "1"), "uint16", trained=trained)
    trained.kinds = FileKinds(files=9, grey=9, square=9, scaled=9)
    assert len(read(hospital(tmp_path, "1"), "uint16", trained=trained).images) == 6


def test_patients_in_two_splits_are_no_news_where_these_are_joined(tmp_path: Path) -> None:
    spec = hospital(tmp_path, "1")
    table = tmp_path / "labels.csv"
    head, *rows = table.read_text().splitlines()
    splits = ("train", "test")
    table.write_text("\n".join([f"{head},split", *(f"{row},{splits[at % 2]}" for at, row in enumerate(rows))]))
    assert not [note for note in read(spec, "int16").notes if "group" in note and "train too" in note]


@pytest.mark.parametrize(
    ("mean", "deviation", "told"),
    [(100, 115, False), (70, 115, False), (30, 115, True), (170, 115, True), (100, 60, True), (100, 250, True)],
)
def test_other_intensities_than_in_training_are_told(tmp_path: Path, mean: float, deviation: float, told: bool) -> None:
    """Values are 0 to 399 less 100, with a deviation of 115."""
    trained = SimpleNamespace(mean=mean, deviation=deviation, kinds=None)
    notes = read(hospital(tmp_path, "1"), "int16", trained=trained).notes
    assert any(note.startswith("intensities are other ones than in training: mean ") for note in notes) is told


def files(root: Path, names: list[str]) -> Path:
    """Image files, all different, of these paths."""
    for index, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (8, 8), np.uint8)).save(root / name)
    return root


PATTERN = r"(p\d+)_"
OF_PATIENTS = [f"{name}/p{index // 2}_{index}.png" for index in range(6) for name in ("ill", "well")]
COUNTED = [f"{name}/{index}.png" for index in range(6) for name in ("ill", "well")]


def settings(**given: Any) -> Any:
    return resolve([Layer("test", given)]).config


@pytest.mark.parametrize(
    ("names", "pattern", "groups", "told"),
    [
        (OF_PATIENTS, PATTERN, 3, "fits here: 3 groups such as 'p0' for 12 images"),
        (COUNTED, PATTERN, None, "does not fit here (it names no group in 12 of 12 paths, for example 'ill/0.png')"),
        (["ill/p1_x.png", *COUNTED], PATTERN, None, "it names no group in 12 of 13 paths"),
        (OF_PATIENTS, r"^([^/]+)/", None, "it finds 'ill', a class or a split"),
        ([f"train/{name}" for name in OF_PATIENTS], r"^([^/]+)/", None, "it finds 'train' in all paths"),
        ([f"well/2023_{index}.png" for index in range(6)], r"(\d{4})_", None, "it finds '2023' in all paths"),
        (OF_PATIENTS, "dicom", None, "not every image has a PatientID in a DICOM header"),
    ],
)
def test_a_runs_pattern_counts_where_it_fits_external_names(
    tmp_path: Path, names: list[str], pattern: str, groups: int | None, told: str
) -> None:
    """It was written for other files: where it does not fit, images count one by one; either is told in one line."""
    spec = f"folder:{files(tmp_path, names)}"
    found = read(spec, "uint8", run=settings(group_pattern=pattern))
    given = found.images.groups
    assert (None if given is None else len(set(given.tolist()))) == groups
    (line,) = [note for note in found.notes if "run's --group-pattern" in note]
    assert told in line
    assert ("images count one by one" in line) is (groups is None)


def test_what_the_user_says_of_external_groups_goes_before_the_runs(tmp_path: Path) -> None:
    spec = f"folder:{files(tmp_path, COUNTED)}"
    found = read(spec, "uint8", group_pattern=r"/(\d)\.", run=settings(group_pattern=PATTERN))
    assert found.images.groups is not None
    assert len(set(found.images.groups.tolist())) == 6
    assert not any("run's" in note for note in found.notes)
    with pytest.raises(DatasetError, match="names no group"):
        read(spec, "uint8", group_pattern="(nobody)")


def test_the_patients_of_dicom_headers_are_the_groups_where_they_were_the_runs(tmp_path: Path) -> None:
    for index in range(6):
        path = tmp_path / ("ill", "well")[index % 2] / f"{index}.dcm"
        path.parent.mkdir(exist_ok=True)
        values = np.random.default_rng(index).integers(0, 400, (8, 8), dtype=np.uint16)
        write_dicom(path, values, RescaleSlope="1", RescaleIntercept="-100", PatientID=f"P{index // 2}")
    found = read(f"folder:{tmp_path}", "int16", run=settings(group_pattern="dicom"))
    assert found.images.groups is not None
    assert sorted(found.images.groups.tolist()) == ["P0", "P0", "P1", "P1", "P2", "P2"]
    assert sum("run's --group-pattern dicom fits here: 3 groups" in note for note in found.notes) == 1


@pytest.mark.parametrize(
    ("header", "groups", "told"),
    [
        ("bild,befund,wer", 3, "; image, label, group as in the run's table"),
        ("file,label,patient", 3, "; there is no image = bild, label = befund, group = wer as in the run's"),
        ("bild,label,x", None, "; image as in the run's table; there is no label = befund, group = wer as in the"),
    ],
)
def test_a_runs_columns_count_where_an_external_table_has_them(
    tmp_path: Path, header: str, groups: int | None, told: str
) -> None:
    files(tmp_path, COUNTED)
    rows = [f"{name},{name.partition('/')[0]},{index // 4}" for index, name in enumerate(COUNTED)]
    (tmp_path / "own.csv").write_text("\n".join([header, *rows]))
    column = {"image": "bild", "label": "befund", "group": "wer"}
    found = read(f"table:{tmp_path / 'own.csv'}", "uint8", run=settings(column=column))
    given = found.images.groups
    assert (None if given is None else len(set(given.tolist()))) == groups
    assert told in found.notes[0]
    assert any("count one by one" in note for note in found.notes) is (groups is None)


def test_a_table_with_patients_of_its_own_keeps_them(tmp_path: Path) -> None:
    """Though the run's pattern would fit the paths."""
    files(tmp_path, OF_PATIENTS)
    rows = [f"{name},{name.partition('/')[0]},{index}" for index, name in enumerate(OF_PATIENTS)]
    (tmp_path / "own.csv").write_text("\n".join(["file,label,patient", *rows]))
    found = read(f"table:{tmp_path / 'own.csv'}", "uint8", run=settings(group_pattern=PATTERN))
    assert found.images.groups is not None
    assert len(set(found.images.groups.tolist())) == 12


@pytest.mark.parametrize("split", ["test", "Validation", "train"])
def test_external_images_may_be_of_one_split_alone(tmp_path: Path, split: str) -> None:
    """A hospital that only tests has nothing to train on; a study refuses that."""
    files(tmp_path, [f"{split}/{name}" for name in COUNTED])
    rows = [f"{split}/{name},{name.partition('/')[0]},{split}" for name in COUNTED]
    (tmp_path / "own.csv").write_text("\n".join(["file,label,split", *rows]))
    for spec in (f"folder:{tmp_path}", f"table:{tmp_path / 'own.csv'}"):
        labels = read(spec, "uint8").images.labels
        assert np.bincount(labels).tolist() == [6, 6]
    files(tmp_path / "ill", [f"{split}/ill/{index}.png" for index in range(6)])
    assert np.bincount(read(f"folder:{tmp_path / 'ill'}", "uint8").images.labels).tolist() == [6]
