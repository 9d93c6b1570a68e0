"""Keep folders of this machine off a page that is passed on: errors that the log keeps may name them."""

from __future__ import annotations

import re

_ROOT = r"(?:file://)?/|[A-Za-z]:[\\/]|\\\\"
_QUOTED = re.compile(rf"""(?P<quote>['"])(?:{_ROOT})[^'"\n]*?(?P<last>[^'"/\\\n]+)[/\\]*(?P=quote)""")
"""within quotes a folder's name may hold spaces"""
_BARE = re.compile(rf"""(?<![\w.~/\\<-])(?:{_ROOT})(?![/\\])(?:[^\s'"<>:;|/\\]+[/\\]+)+(?P<last>[^\s'"<>:;|/\\]*)""")
"""of two parts at least: a unit (/s) or a closing tag is none"""


def without_folders(text: str) -> str:
    """Text with only the last part of every absolute path."""
    quoted = _QUOTED.sub(lambda path: f"{path['quote']}{path['last']}{path['quote']}", text)
    return _BARE.sub(_last_part, quoted)


def _last_part(path: re.Match[str]) -> str:
    """Last part of a path; of a folder that ends with a slash, its own name."""
    return re.split(r"[/\\]+", path[0].rstrip("/\\"))[-1]
