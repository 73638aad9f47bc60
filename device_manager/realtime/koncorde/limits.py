"""How large a filter may be; beyond it, it is refused before any work is put into it (router-protocol 7.2)."""

from __future__ import annotations

from typing import Final

MAX_CONDITIONS: Final = 100
"""Conditions of one filter unless a setting says otherwise; each value of `in`, `ids` and `match` is one."""

MAX_DEPTH: Final = 30
"""Deepest nesting of keywords, and of what `match` holds."""

MAX_TEXT: Final = 16_384
"""Characters of all paths, values and patterns of one filter together."""

MAX_PATH_DEPTH: Final = 50
"""Names in the path of a field."""

CORNER: Final = 32
"""Characters that a corner of a polygon counts as."""

MAX_UNICODE_CLASSES: Final = 10
"""Classes of Unicode, such as `\\pL`, in all patterns of one filter together: each takes long to compile."""
