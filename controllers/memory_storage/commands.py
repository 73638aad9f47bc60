"""All commands that `ms` has."""

from __future__ import annotations

from device_manager.controllers.memory_storage import hashes, keys, lists, places, sets, sorted_sets, strings

COMMANDS = (
    *strings.COMMANDS,
    *keys.COMMANDS,
    *hashes.COMMANDS,
    *lists.COMMANDS,
    *sets.COMMANDS,
    *sorted_sets.COMMANDS,
    *places.COMMANDS,
)
"""In the order in which they are listed."""
