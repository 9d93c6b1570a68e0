"""Commands that keep the user's studies in order: rename, note, clean, delete. The last two ask first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hptui.cli.exit_codes import DONE
from hptui.cli.output import print_line, print_to_stderr
from hptui.cli.study_arguments import named_studies_argument, some_named_studies_argument, study_argument
from hptui.errors import UsageError
from hptui.record.study_folders import shown, studies_folder
from hptui.record.study_names import study_directories

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@study_argument
@click.argument("name", metavar="NAME")
def rename(directory: Path, name: str) -> int:
    """Rename a study: its folder, which stays where it is.

    Nothing in it changes. A study that is being trained is not renamed.
    """
    from hptui.record.housekeeping import rename_study

    print_line(shown(rename_study(directory, name)))
    return DONE


@click.command()
@study_argument
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@click.option("--remove", is_flag=True, help="Take the note away.")
def note(directory: Path, words: Sequence[str], remove: bool) -> int:
    """Keep a note with a study, or print it.

    The list and the report show it. Without WORDS it is printed.
    """
    from hptui.record.housekeeping import require_own
    from hptui.record.notes import read_note, write_note

    if words and remove:
        raise UsageError("give the words of a note, or --remove, not both.")
    require_own(directory)
    if words or remove:
        write_note(directory, " ".join(words))
    elif kept := read_note(directory):
        print_line(kept)
    return DONE


@click.command()
@some_named_studies_argument
@click.option("--all", "every", is_flag=True, help="All of your studies.")
@click.option("--decoded", is_flag=True, help="Decoded images of large data sets in your cache (--keep-decoded).")
@yes_option
def clean(directories: tuple[Path, ...], every: bool, decoded: bool, yes: bool) -> int:
    """Remove the checkpoints of finished runs, or decoded images.

    Checkpoints are most of what a run takes up on the disk, and only adding epochs needs them. Decoded images are made
    anew when a study needs them. It says what goes, and how much, and asks. The small pictures of test images that a
    run gets most wrong (wrong_images.npz in its folder) stay; they may show patients: --wrong-images 0 keeps none, and
    the file may be deleted by hand.
    """
    if every and directories:
        raise UsageError("name the studies to clean, or give --all, not both.")
    if decoded:
        _clean_decoded(yes=yes)
        if not (every or directories):
            return DONE
    from hptui.record.housekeeping import clean_study
    from hptui.record.housekeeping_words import clean_question
    from hptui.record.sizes import in_bytes

    if not (every or directories):
        raise UsageError("name the studies to clean, or give --all, or --decoded.")
    words, concerned = clean_question(study_directories(studies_folder()) if every else directories)
    if not concerned or not _agreed(words, yes=yes):
        print_to_stderr("nothing was removed" if concerned else words)
        return DONE
    print_line(f"removed {in_bytes(sum(clean_study(directory) for directory in concerned))}")
    return DONE


def _clean_decoded(*, yes: bool) -> None:
    """Empty the cache of decoded images, unless somebody says no."""
    from hptui.datasets._decoded_cache import DecodedCache
    from hptui.record.sizes import in_bytes

    cache = DecodedCache()
    if not (size := cache.size()):
        print_to_stderr(f"nothing to clean: there are no decoded images in {cache.folder}")
    elif _agreed(f"Remove {in_bytes(size)} of decoded images from {cache.folder}?", yes=yes):
        print_line(f"removed {in_bytes(cache.clear())} of decoded images")
    else:
        print_to_stderr("no decoded images were removed")


@click.command()
@named_studies_argument
@yes_option
def delete(directories: tuple[Path, ...], yes: bool) -> int:
    """Delete studies for good, named in full.

    It says what goes, and asks. A study that is being trained is refused, and files that hptui did not write stay.
    """
    from hptui.record.housekeeping import delete_study, require_own
    from hptui.record.housekeeping_words import delete_question
    from hptui.record.presence import refuse_if_written

    for directory in directories:
        require_own(directory)
        refuse_if_written(directory)
    words, concerned = delete_question(directories)
    if not _agreed(words, yes=yes):
        print_to_stderr("nothing was deleted")
        return DONE
    for directory in concerned:
        left = delete_study(directory)
        print_line(f"deleted {shown(directory.name)}")
        if left:
            print_to_stderr(f"hptui: left in {shown(directory)}: {len(left)} files that hptui did not write")
    return DONE


def _agreed(words: str, *, yes: bool) -> bool:
    """Whether the user agrees; nobody is asked who cannot answer."""
    print_to_stderr(words)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; give --yes to do it.")
    return click.confirm("Go on?", err=True)
