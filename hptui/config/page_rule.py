"""Which pages (frames) of a file are an image, as it is written in a setting."""

from __future__ import annotations

from hptui.errors import ConfigError

PAGE_WORDS = ("first", "middle", "last", "all", "mean", "max")
FORMS = "first, middle, last, a number counted from 1, all (each a channel), mean or max (over the pages)"


def parse_pages(text: str) -> str | int:
    """A word of PAGE_WORDS, or the number of a page, counted from 1; raise ConfigError where it is neither."""
    if text in PAGE_WORDS:
        return text
    if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) > 0:
        return int(text)
    raise ConfigError(f"pages = {text!r}: it takes {FORMS}.")
