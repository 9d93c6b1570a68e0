"""DICOM: the units, windows, frames and compressions that its files come with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from deep_files import SOFT_TISSUE, items, write_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HEVCMP51,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from hptui.datasets import DatasetRequest, ImageDataset, Images, Pixels
from hptui.datasets._decode import is_image_file
from hptui.datasets._files import decode_files
from hptui.datasets._groups import grouped
from hptui.datasets._joining import without_files
from hptui.datasets.folder import folder
from hptui.datasets.table import table
from hptui.errors import DatasetError


def read(*paths: Path, **wishes: Any) -> Pixels:
    return decode_files(paths, DatasetRequest(image_size=8, **wishes)).pixels


def test_values_are_in_the_units_of_the_rescale(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "ct.dcm", SOFT_TISSUE, BitsStored=12, RescaleSlope=1, RescaleIntercept=-1024)
    pixels = read(path)
    assert pixels.dtype == np.int16
    assert np.array_equal(pixels[0, 0], SOFT_TISSUE.astype(np.int16) - 1024)
    path = write_dicom(tmp_path / "pet.dcm", SOFT_TISSUE, RescaleSlope=0.25, RescaleIntercept=0)
    assert np.array_equal(read(path)[0, 0], SOFT_TISSUE.astype(np.float32) / 4)


@pytest.mark.parametrize(
    ("values", "bits", "depth"),
    [
        (SOFT_TISSUE, 12, np.uint16),
        (SOFT_TISSUE, 16, np.uint16),
        (SOFT_TISSUE.astype(np.int16) - 1100, 16, np.int16),
        ((SOFT_TISSUE - 1040).astype(np.uint8), 8, np.uint8),
    ],
)
def test_the_depth_is_that_of_the_file(tmp_path: Path, values: np.ndarray, bits: int, depth: type) -> None:
    pixels = read(write_dicom(tmp_path / "x.dcm", values, BitsStored=bits))
    assert pixels.dtype == depth
    assert np.array_equal(pixels[0, 0], values)


def test_files_of_different_rescales_are_compared_in_units(tmp_path: Path) -> None:
    one = write_dicom(tmp_path / "1.dcm", SOFT_TISSUE, BitsStored=12, RescaleSlope=1, RescaleIntercept=-1024)
    two = write_dicom(tmp_path / "2.dcm", SOFT_TISSUE, BitsStored=12, RescaleSlope=0.5, RescaleIntercept=-504)
    first, second = read(one, two)[:, 0]
    assert np.array_equal(first, SOFT_TISSUE - 1024.0)
    assert np.array_equal(second, SOFT_TISSUE / 2 - 504)


def test_monochrome1_is_turned_dark_to_bright(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", SOFT_TISSUE, BitsStored=12, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read(path)[0, 0], 4095 - SOFT_TISSUE)
    signed = SOFT_TISSUE.astype(np.int16) - 1100
    path = write_dicom(tmp_path / "y.dcm", signed, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read(path)[0, 0], -1 - signed)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("limit", [None, -2000])
def test_padding_is_no_value_and_stretches_no_range(tmp_path: Path, photometric: str, limit: int | None) -> None:
    values = SOFT_TISSUE.astype(np.int16)
    plain = write_dicom(tmp_path / "plain.dcm", values, RescaleSlope=1, RescaleIntercept=0)
    padded = values.copy()
    padded[:2] = -2000 if limit is None else -2010
    elements = {} if limit is None else {"PixelPaddingRangeLimit": limit}
    path = write_dicom(
        tmp_path / "padded.dcm",
        padded,
        PixelPaddingValue=-2000 if limit is None else -2020,
        PhotometricInterpretation=photometric,
        RescaleSlope=1,
        RescaleIntercept=0,
        **elements,
    )
    found = read(path)[0, 0]
    assert (found[:2] == found[2:].min()).all()
    if photometric == "MONOCHROME2":
        assert np.array_equal(found[2:], read(plain)[0, 0][2:])
    notes = decode_files([path], DatasetRequest()).notes
    assert "1 of them name a number for padding: such pixels are as dark as the image's darkest" in notes
    only = write_dicom(tmp_path / "only.dcm", padded * 0 - 2000, PixelPaddingValue=-2000)
    assert len(np.unique(read(only))) == 1


def test_the_window_of_each_file_is_applied_if_asked(tmp_path: Path) -> None:
    wanted = {"BitsStored": 12, "RescaleSlope": 1, "RescaleIntercept": -1024}
    path = write_dicom(tmp_path / "x.dcm", SOFT_TISSUE, WindowCenter=48, WindowWidth=33, **wanted)
    assert np.array_equal(read(path)[0, 0], SOFT_TISSUE.astype(np.int16) - 1024)  # nobody asked
    pixels = read(path, intensity="voi")
    assert pixels.dtype == np.uint16
    units = SOFT_TISSUE.astype(float) - 1024
    expected = np.clip((units - 47.5) / 32 + 0.5, 0, 1) * 65535  # DICOM PS3.3 C.11.2.1.2.1
    assert pixels[0, 0] == pytest.approx(expected, abs=1)
    Image.fromarray(SOFT_TISSUE).save(tmp_path / "x.png")
    with pytest.raises(DatasetError, match=r"x\.png is no DICOM file, so it has no window of its own"):
        read(tmp_path / "x.png", intensity="voi")
    path = write_dicom(tmp_path / "none.dcm", SOFT_TISSUE, **wanted)
    with pytest.raises(DatasetError, match=r"none\.dcm has no VOI window, which --intensity voi takes"):
        read(path, intensity="voi")


def test_a_table_of_values_is_looked_up(tmp_path: Path) -> None:
    small = (SOFT_TISSUE - 1040).astype(np.uint16)
    table = np.arange(64, dtype=np.uint16)[::-1] * 100
    lut = items({"LUTDescriptor": [64, 0, 16], "LUTData": table.tobytes(), "ModalityLUTType": "US"})
    lut[0]["LUTDescriptor"].VR = "US"
    lut[0]["LUTData"].VR = "OW"
    path = write_dicom(tmp_path / "x.dcm", small, ModalityLUTSequence=lut)
    assert np.array_equal(read(path)[0, 0], table[small])


def test_frames_are_pages_with_a_rescale_of_their_own(tmp_path: Path) -> None:
    frames = np.stack([SOFT_TISSUE, SOFT_TISSUE + 100])
    path = write_dicom(tmp_path / "x.dcm", frames)
    with pytest.raises(DatasetError, match=r"x\.dcm has 2 pages \(frames\)"):
        read(path)
    assert np.array_equal(read(path, pages="2")[0, 0], SOFT_TISSUE + 100)
    assert np.array_equal(read(path, pages="all")[0], frames)
    transformations = [
        {"PixelValueTransformationSequence": items({"RescaleSlope": 1, "RescaleIntercept": intercept})}
        for intercept in (0, -100)
    ]
    path = write_dicom(tmp_path / "y.dcm", frames, PerFrameFunctionalGroupsSequence=items(*transformations))
    assert np.array_equal(read(path, pages="all")[0], np.stack([SOFT_TISSUE] * 2))


def test_the_depth_holds_each_frame_in_its_own_rescale(tmp_path: Path) -> None:
    transformations = [
        {"PixelValueTransformationSequence": items({"RescaleSlope": slope, "RescaleIntercept": 0})}
        for slope in (1, 0.25)
    ]
    frames = np.stack([SOFT_TISSUE] * 2)
    path = write_dicom(tmp_path / "x.dcm", frames, PerFrameFunctionalGroupsSequence=items(*transformations))
    assert np.array_equal(read(path, pages="2")[0, 0], SOFT_TISSUE * 0.25)
    assert np.array_equal(read(path, pages="1")[0, 0], SOFT_TISSUE)


def test_colour_is_read_in_rgb(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(read(write_dicom(tmp_path / "x.dcm", values))[0], values.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("intensity", ["auto", "voi"])
def test_colour_is_told_to_have_no_units_and_no_window(tmp_path: Path, kind: str, intensity: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    path = write_dicom(tmp_path / "x.dcm", values, PhotometricInterpretation=kind)
    decoded = decode_files([path], DatasetRequest(image_size=8, intensity=intensity))
    assert without_files(decoded.notes)[0] == (
        "1 of 1 image files are DICOM in colour (RGB, YBR or a palette): red, green and blue of 8 bits, which have no "
        "units and no window",
    )
    assert np.array_equal(decoded.pixels[0], values.transpose(2, 0, 1)) == (kind == "RGB")


def test_pictures_in_colour_among_deeper_files_are_named_as_what_they_are(tmp_path: Path) -> None:
    screen = write_dicom(tmp_path / "screen.dcm", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"1 of 2 images are DICOM in colour, such as .*screen\.dcm: pictures of 8"):
        read(write_dicom(tmp_path / "x.dcm", SOFT_TISSUE), screen)


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEGLosslessSV1, lambda values: imagecodecs.ljpeg_encode(values, bitspersample=16)),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEG2000Lossless, lambda values: imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k")),
    ],
)
def test_compressed_files_keep_every_level(tmp_path: Path, syntax: str, encode: Any) -> None:
    compressed = encapsulate([encode(SOFT_TISSUE)])
    path = write_dicom(tmp_path / "x.dcm", SOFT_TISSUE, TransferSyntaxUID=syntax, PixelData=compressed)
    assert np.array_equal(read(path)[0, 0], SOFT_TISSUE)


def test_run_lengths_and_ordinary_jpeg_are_decoded(tmp_path: Path) -> None:
    dataset = dcmread(write_dicom(tmp_path / "x.dcm", SOFT_TISSUE))
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "x.dcm")
    assert np.array_equal(read(tmp_path / "x.dcm")[0, 0], SOFT_TISSUE)
    small = np.full((8, 8), 77, np.uint8)
    compressed = encapsulate([imagecodecs.jpeg8_encode(small, level=95)])
    path = write_dicom(tmp_path / "y.dcm", small, TransferSyntaxUID=JPEGBaseline8Bit, PixelData=compressed)
    assert np.array_equal(read(path)[0, 0], small)


def test_what_cannot_be_decoded_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", SOFT_TISSUE, TransferSyntaxUID=HEVCMP51, PixelData=encapsulate([b"film"]))
    with pytest.raises(DatasetError, match=r"x\.dcm is compressed as HEVC.*, which cannot be decoded here") as caught:
        read(path)
    assert "decompress it first: gdcmconv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_an_image_is_named(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "report.dcm", SOFT_TISSUE, Modality="SR")
    dataset = dcmread(path)
    del dataset.Rows, dataset.PixelData
    dataset.save_as(path)
    with pytest.raises(DatasetError, match=r"report\.dcm is a DICOM file without an image \(its kind is SR\)"):
        read(path)
    (tmp_path / "torn.dcm").write_bytes(b"hello")
    with pytest.raises(DatasetError, match=r"torn\.dcm"):
        read(tmp_path / "torn.dcm")


def test_dicom_is_known_without_its_suffix(tmp_path: Path) -> None:
    """Scanners call files by their number, such as 1.2.840.113619.2."""
    for name in ("IM0001", "1.2.840.113619.2", "x.ima"):
        path = write_dicom(tmp_path / name, SOFT_TISSUE)
        assert is_image_file(path), name
        assert np.array_equal(read(path)[0, 0], SOFT_TISSUE), name
    (tmp_path / "LICENSE").write_text("words", "utf-8")
    assert not is_image_file(tmp_path / "LICENSE")
    assert not is_image_file(write_dicom(tmp_path / "DICOMDIR", SOFT_TISSUE))  # the list of files on a disc


def test_dicom_is_told_and_not_mixed_with_pictures_of_it(tmp_path: Path) -> None:
    deep = write_dicom(tmp_path / "x.dcm", SOFT_TISSUE)
    told = decode_files([deep], DatasetRequest()).notes
    assert without_files(told)[0] == ("1 of 1 image files are DICOM, in the units of their rescale",)
    preview = write_dicom(tmp_path / "preview.dcm", (SOFT_TISSUE - 1040).astype(np.uint8))
    with pytest.raises(DatasetError, match=r"1 of 16 bits .* and 1 of 8 bits"):
        read(deep, preview)


def test_a_rescale_that_makes_all_pixels_equal_is_named(tmp_path: Path) -> None:
    flat = write_dicom(tmp_path / "flat.dcm", SOFT_TISSUE, RescaleSlope="0", RescaleIntercept="0")
    with pytest.raises(DatasetError, match=r"flat\.dcm has a rescale slope of 0"):
        read(flat)


def scans(where: Path, whom: Callable[[int], str], **of_ill: Any) -> Path:
    """Six files in each of two classes, called as an export calls them; `whom` each is of."""
    for number in range(12):
        name, elements = ("well", {}) if number % 2 else ("ill", of_ill)
        values = SOFT_TISSUE + np.roll(np.eye(8, dtype=np.uint16) * (7 * number), number, 1)
        write_dicom(where / name / f"IM{number:04}", values, PatientID=whom(number), **elements)
    return where


def load(where: Path, **wishes: Any) -> ImageDataset:
    return folder(DatasetRequest(argument=str(where), **wishes))


def test_patients_of_headers_are_told_and_kept_together_if_asked(tmp_path: Path) -> None:
    where = scans(tmp_path / "set", lambda number: f"P{number // 3}")
    (told,) = (note for note in load(where).notes if "PatientID" in note)
    assert told.startswith("the headers of 12 DICOM files name 4 patients (PatientID): keep each in one split with")
    kept = load(where, group_pattern="dicom")
    assert not any("PatientID" in note for note in kept.notes)
    assert kept.test is not None
    assert kept.train.groups is not None
    assert kept.test.groups is not None
    assert {*kept.train.groups, *kept.test.groups} == {"P0", "P1", "P2", "P3"}
    assert not {*kept.train.groups} & {*kept.test.groups}
    for name, group in zip(kept.train.names.tolist(), kept.train.groups.tolist(), strict=True):  # type: ignore[union-attr]
        assert group == f"P{int(name[-4:]) // 3}"


def test_patients_of_a_table_come_from_headers_if_asked(tmp_path: Path) -> None:
    scans(tmp_path, lambda number: f"P{number // 3}")
    rows = [f"{name}/IM{number:04},{name}" for number in range(12) for name in [("ill", "well")[number % 2]]]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *rows]))
    found = table(DatasetRequest(argument=str(tmp_path / "labels.csv"), group_pattern="dicom"))
    assert found.train.groups is not None
    assert {*found.train.groups} < {"P0", "P1", "P2", "P3"}
    assert any("PatientID" in note for note in table(DatasetRequest(argument=str(tmp_path / "labels.csv"))).notes)


@pytest.mark.parametrize("whom", [lambda number: "anonymous", lambda number: f"P{number}", lambda number: ""])
def test_headers_that_tell_no_patients_apart_are_not_told(tmp_path: Path, whom: Callable[[int], str]) -> None:
    assert not any("PatientID" in note for note in load(scans(tmp_path, whom)).notes)


def test_patients_that_no_header_names_are_refused(tmp_path: Path) -> None:
    where = scans(tmp_path, lambda number: "P1" if number else "")
    with pytest.raises(DatasetError, match=r"--group-pattern dicom: 1 of 12 files have no PatientID .*ill/IM0000"):
        load(where, group_pattern="dicom")
    images = Images(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]), names=np.array(["a.png", "b.png"]))
    with pytest.raises(DatasetError, match="there are none here"):
        grouped(images, "dicom")


def test_files_that_are_turned_round_are_told_also_where_a_class_is_known_by_it(tmp_path: Path) -> None:
    notes = load(scans(tmp_path, lambda number: "P1", PhotometricInterpretation="MONOCHROME1")).notes
    assert "6 of 12 image files are stored bright to dark (MONOCHROME1), and were turned round" in notes
    assert any(
        "those of 'ill' are stored bright to dark (MONOCHROME1), and of no other class" in note for note in notes
    )


@pytest.mark.parametrize(
    ("of_ill", "told", "by_class"),
    [
        ({"Modality": "MR"}, "of several modalities (6 MR, 6 CT)", "those of 'ill' are of modality MR"),
        (
            {"RescaleIntercept": "-1024", "RescaleSlope": "1"},
            "6 of 12 DICOM files do not say how",
            "are with a rescale",
        ),
        ({}, "", ""),
    ],
)
def test_values_of_different_units_are_told(tmp_path: Path, of_ill: dict[str, str], told: str, by_class: str) -> None:
    notes = load(scans(tmp_path, lambda number: "P1", **of_ill)).notes
    found = [note for note in notes if "modalit" in note or "rescale" in note.replace("of their rescale", "")]
    assert [told in note or by_class in note for note in found] == [True] * (2 if told else 0)


def test_floating_point_that_is_stored_bright_to_dark_is_turned_between_its_own_ends(tmp_path: Path) -> None:
    values = SOFT_TISSUE.astype(np.float32) / 7
    elements = {"FloatPixelData": values.tobytes(), "PhotometricInterpretation": "MONOCHROME1"}
    path = write_dicom(tmp_path / "x.dcm", values, PixelData=b"", **elements)
    dataset = dcmread(path)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.save_as(path)
    found = decode_files([path], DatasetRequest(image_size=8))
    assert np.allclose(found.pixels[0, 0], values.min() + values.max() - values, atol=1e-4)
    assert any(
        "each between what it can hold (1 between its own darkest and brightest)" in note for note in found.notes
    )


def test_files_that_are_turned_round_between_different_ends_are_told(tmp_path: Path) -> None:
    paths = [
        write_dicom(tmp_path / f"{bits}.dcm", SOFT_TISSUE, BitsStored=bits, PhotometricInterpretation="MONOCHROME1")
        for bits in (12, 14)
    ]
    (told,) = (note for note in decode_files(paths, DatasetRequest()).notes if "MONOCHROME1" in note)
    assert told.startswith(
        "2 of 2 image files are stored bright to dark (MONOCHROME1), and were turned round, each between what it can "
        "hold (1 between 0 and 4095, 1 between 0 and 16383): where these are not one scale"
    )
