"""Call the attention of somebody who looks elsewhere: by a notice on the screen, and by the terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textual.app import App

from hptui.ui.bell import attention

if TYPE_CHECKING:
    from hptui.reading.alerts import Alert

GOOD_SECONDS, BAD_SECONDS = 5.0, 60.0
"""how long a notice stays: whoever comes back to a terminal should still find what went wrong; what went well stands on
the dashboard, and must not be covered for long"""


class Attention:
    """The means of one app."""

    def __init__(self, app: App[Any], *, bell: bool) -> None:
        """`bell`: whether the terminal may call."""
        self._app, self._bell = app, bell

    def call(self, alert: Alert, *, told: bool) -> None:
        """Say what has happened, unless it is `told` already, and have the terminal call."""
        if not told and alert.kind == "finished":
            self._app.notify(alert.message, title=alert.kind, timeout=GOOD_SECONDS, markup=False)
        elif not told:
            self._app.notify(alert.message, title=alert.kind, severity="error", timeout=BAD_SECONDS, markup=False)
        self.ring(alert.message)

    def ring(self, words: str) -> None:
        """Have the terminal call, unless nobody wants that."""
        if self._bell and self._app._driver is not None and not self._app.is_headless:
            self._app._driver.write(attention(words, os.environ))
