"""Whom images are of: groups by a pattern on their paths, and a look at paths that seem to name some."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hptui.config.values import BY_HEADER
from hptui.datasets import Images, Names
from hptui.datasets._class_notes import same_spelling
from hptui.datasets._split_names import split_meant
from hptui.errors import DatasetError

_KEYWORD = re.compile(
    r"(?<![a-z])(patients?|pat|persons?|subjects?|subj|sub|cases?|pid|mrn|id|study|exam|series|scan|slide)[-_ ]*[0-9]",
    re.IGNORECASE,
)
_LAST_PART = r"([^/]*[0-9][^/]*)[-_ ][^-_ /]+$"  # p00_1.png -> p00; img_001.png has no number before its last part
_BEFORE_DATE = r"([^/]+?)[-_ ](?:19|20)[0-9]{2}[-_.]?[01][0-9][^/]*$"  # doe_2020-01-03.png -> doe
_BARCODE = "(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})"  # of a patient of The Cancer Genome Atlas
_DERIVED = r"([^/]*?[0-9]+)(?:[-_ ][A-Za-z][^/]*)?\.[^./]+$"  # im07.png, im07_flip.png -> im07
_FEWEST, _LEAST_EACH = 3, 1.5
"""groups, and images of each on average, from which on names are said to look like groups"""


def grouped(images: Images, pattern: str | None) -> Images:
    """Images with the groups that `pattern` finds in their names; those that have groups keep them.

    Raises:
        DatasetError: they have no names, or some do not fit the pattern (says how many, and which for example).
    """
    if pattern is None or images.groups is not None:
        return images
    if pattern == BY_HEADER:
        raise DatasetError(f"--group-pattern {BY_HEADER} looks at the headers of DICOM files, and there are none here.")
    if images.names is None:
        raise DatasetError("--group-pattern looks at the paths of images, and these have none.")
    found = _found(images.names, pattern)
    if others := [str(name) for name, group in zip(images.names, found, strict=True) if not group]:
        raise DatasetError(
            f"--group-pattern {shlex.quote(pattern)} names no group in {len(others)} of {len(found)} paths, "
            f"for example {others[0]!r}."
        )
    return replace(images, groups=np.array(found, np.str_))


def grouped_as_run(
    splits: Mapping[str, Images], pattern: str, class_names: Sequence[str]
) -> tuple[dict[str, Images], str]:
    """Images with the groups that a run's pattern finds, and a line that says so; as they are, where it does not fit.

    Those that have groups of their own keep them, without a line. It fits where it finds a group in every path, not
    one for all images, nor their classes or splits: it was written for other folders.

    Args:
        splits: all images, of which some may have groups.
        pattern: of the run.
        class_names: which are no groups.
    """
    if any(images.groups is not None for images in splits.values()):
        return dict(splits), ""
    unfit = _does_not_fit([images.names for images in splits.values()], pattern, class_names)
    words = f"the run's --group-pattern {shlex.quote(pattern)}"
    if unfit:
        return dict(splits), (
            f"{words} does not fit here ({unfit}): images count one by one; if several are of one patient, name them "
            "with a --group-pattern for these images."
        )
    with_groups = {split: grouped(images, pattern) for split, images in splits.items()}
    groups = Counter(group for images in with_groups.values() for group in _listed(images.groups))
    return with_groups, (
        f"{words} fits here: {len(groups):,} groups such as {_largest(groups)!r} for {groups.total():,} images; if "
        "these are no patients, give a --group-pattern for these images."
    )


def _does_not_fit(names: Sequence[Names | None], pattern: str, class_names: Sequence[str]) -> str:
    """Why the groups that a pattern finds are none; empty: they may be."""
    if pattern == BY_HEADER:
        return "not every image has a PatientID in a DICOM header"
    named = [name for part in names for name in _listed(part)]
    if not named or any(part is None for part in names):
        return "these images have no paths"
    found = _found(np.array(named), pattern)
    if lacking := [name for name, group in zip(named, found, strict=True) if not group]:
        return f"it names no group in {len(lacking):,} of {len(named):,} paths, for example {lacking[0]!r}"
    if len(set(found)) == 1:
        return f"it finds {found[0]!r} in all paths"
    if all(group in class_names or split_meant(group) for group in found):
        return f"it finds {found[0]!r}, a class or a split"
    return ""


def _listed(names: Names | None) -> list[str]:
    return [] if names is None else names.tolist()


def _found(names: Names, pattern: str) -> list[str]:
    """What the first brackets of the pattern hold of each name; empty where it does not fit."""
    compiled = re.compile(pattern)
    return [(found[1] or "") if (found := compiled.search(name)) else "" for name in names.tolist()]


def grouping_note(splits: Mapping[str, Images]) -> Iterator[str]:
    """A line with the pattern to give, where names look like groups and none were given."""
    named = {split: images.names for split, images in splits.items() if images.names is not None}
    if len(named) < len(splits) or any(images.groups is not None for images in splits.values()):
        return
    names = np.concatenate(list(named.values()))
    for pattern in _patterns(names):
        by_split = {split: set(_found(part, pattern)) for split, part in named.items()}
        groups = Counter(_found(names, pattern))
        if "" not in groups and len(groups) >= _FEWEST and _each(names, pattern) >= _LEAST_EACH:
            shared = sum(map(len, by_split.values())) - len(groups)
            whom = f"patients{', or one image and what was made of it' * (pattern == _DERIVED)}"
            crossing = f" ({shared} of them in more than one split)" if shared else ""
            yield (
                f"file names look like groups: {len(groups)} such as {_largest(groups)!r} for {len(names)} images"
                f"{crossing}. If these are {whom}, keep each in one split with --group-pattern {shlex.quote(pattern)}"
            )
            return


def group_notes(splits: Mapping[str, Images]) -> Iterator[str]:
    """Lines on groups that are known: such as may be one, written in two ways, and some that keep nothing together."""
    by_split = [set(_listed(images.groups)) for images in splits.values()]
    groups, images = set().union(*by_split), sum(map(len, splits.values()))
    if len(groups) == images > 0 and all(part.groups is not None for part in splits.values()):
        yield (
            f"each of the {images:,} images is a group of its own, so that nothing is kept together: is that the "
            "patient, or the image?"
        )
    if twins := _twins(by_split):
        across = sum(not any(set(found) <= part for part in by_split) for found in twins)
        yield (
            f"groups {twins[0][0]!r} and {twins[0][1]!r} differ in case, blanks or zeros before a number alone "
            f"({len(twins):,} such, {across:,} of them in more than one split): if they are one patient, write them "
            "alike, or the patient is trained on and tested"
        )


def _twins(by_split: Sequence[set[str]]) -> list[list[str]]:
    """Groups that may be one; those of other zeros (P010, P10) only where no split has both, which counts otherwise."""
    found: dict[str, list[list[str]]] = {}
    for group in sorted(set().union(*by_split)):
        plain = "".join(same_spelling(group).split())
        found.setdefault(re.sub(r"(?<![0-9])0+(?=[0-9])", "", plain), []).append([plain, group])
    alike = [pairs for pairs in found.values() if len(pairs) > 1]
    names = [([group for _, group in pairs], len({plain for plain, _ in pairs}) == 1) for pairs in alike]
    return [groups for groups, same in names if same or not any(set(groups) <= part for part in by_split)]


def _largest(groups: Counter[str]) -> str:
    """The first of those with most images: an image that lies beside the folders of groups is no example of one."""
    return min(groups, key=lambda group: (-groups[group], group))


def _each(names: Names, pattern: str) -> float:
    """Images of a group on average, within a folder: in another class the same number may be another patient."""
    compiled, distinct = re.compile(pattern), np.unique(names)
    found = ((name, compiled.search(name)) for name in distinct.tolist())
    groups = {name if one is None else f"{name[: one.start(1)].rpartition('/')[0]}/{one[1]}" for name, one in found}
    return len(distinct) / len(groups)


def _patterns(names: Names) -> Iterator[str]:
    """Patterns that people's names often fit: a word for a patient, folders within a class, what a date follows,
    all but the last part, and images that others were made of.
    """
    first = str(names[0])
    if re.search(_BARCODE, first) is not None:
        yield _BARCODE
    if (word := _KEYWORD.search(first)) is not None:
        yield f"({re.escape(word[0][:-1])}[0-9]+)"
    above = 1 + any(split_meant(part) for part in first.split("/")[:2])  # the class, and the split where there are some
    deeper = {"/".join(parts[: above + 1]) for name in names if len(parts := str(name).split("/")) > above + 1}
    if len(deeper) >= _FEWEST:
        yield f"^{'[^/]+/' * above}([^/]+)"
    yield _BEFORE_DATE
    yield _LAST_PART
    yield _DERIVED
