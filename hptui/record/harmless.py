"""Text of files that others may have written, as it may go to a terminal or a page: it is shown, and does nothing."""

from __future__ import annotations

import re

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line break, DEL, C1
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"  # direction of writing, line breaks, what is invisible
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"  # tags; bytes that are no text
)
"""signs that act instead of being shown; what joins letters and emojis (U+200C, U+200D, U+FE0F) is none of them"""


def harmless(text: str) -> str:
    """`text` with a question mark for every sign that a terminal would obey; tabs and line breaks stay."""
    return text if text.isprintable() else OBEYED.sub("?", text)
