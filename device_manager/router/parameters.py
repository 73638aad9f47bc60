"""Annotations for action parameters whose reading has rules of its own (router-protocol 2.4 and 2.5)."""

from __future__ import annotations

from typing import Annotated, Any

REFRESH = "refresh"
LANG = "lang"
SEARCH_BODY = "searchBody"

Refresh = Annotated[bool, REFRESH]
"""Whether the answer waits until searches see the change: false, "false", null and absent are False, the rest True."""
Lang = Annotated[str, LANG]
"""The language of a query: `elasticsearch` (default) or `koncorde`."""
SearchBody = Annotated[dict[str, Any], SEARCH_BODY]
"""The body of a search: over HTTP GET the JSON text of the argument `searchBody`, otherwise the body, or `{}`."""
