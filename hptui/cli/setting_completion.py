"""Completion of settings: plug-ins by name, words of a few, ranges as they are suggested, else files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from hptui import registry
from hptui.config import FOLDERS, PLUG_INS, choices, takes_path
from hptui.hyperparameters import hyperparameters

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_setting(field: str, incomplete: str) -> list[CompletionItem]:
    """Values of one field of the configuration that begin so; torch is not needed to name them."""
    if field in FOLDERS:
        return [CompletionItem(incomplete, type="dir")]
    if field == "weights":
        return [CompletionItem(incomplete, type="file")]
    found = matching(_words(field), incomplete)
    own = field in PLUG_INS and not found  # of the user: path/file.py:Name
    return [CompletionItem(incomplete, type="file")] if own else found


def _words(field: str) -> Iterable[str]:
    if field in PLUG_INS:
        folder = PLUG_INS[field]
        known = [f"{name}:" if takes_path(folder, name) else name for name in registry.names(folder)]
        known += [f"{name}:" for name in registry.libraries()] if field == "model" else []
        return [*known, "none"] if field == "baseline" else known
    if field == "search":
        return [f"{name}={known.suggested}" for name, known in hyperparameters().items()]
    if field == "set":
        return [f"{name}=" for name in hyperparameters()]
    if field == "parallel":
        return ("auto",)
    return ("auto", "cpu", "cuda") if field == "device" else choices(field)


def matching(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those of some words that begin so."""
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def one_of(*words: str) -> Completer:
    """Completion of an option that takes one of these words."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        return matching(words, incomplete)

    return complete


def several_of(*words: str) -> Completer:
    """Completion of an option that takes some of these words, with commas between them."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        before, comma, _ = incomplete.rpartition(",")
        given = before.split(",")
        return matching([f"{before}{comma}{word}" for word in words if word not in given], incomplete)

    return complete
