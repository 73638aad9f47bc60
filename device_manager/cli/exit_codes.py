"""What the exit status of every command means."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit statuses; scripts rely on them."""

    DONE = 0
    """Everything was applied, or nothing was found wrong."""
    REFUSED = 1
    """Some records were refused, or the doctor found something."""
    USAGE = 2
    """An option, a setting or the input file cannot be used; nothing was sent."""
    UNREACHABLE = 3
    """The server could not be reached, or the run was interrupted."""
