"""Which web pages may call, and the headers that tell their browsers (router-protocol 1.9 and 3.1 step 4)."""

from __future__ import annotations

import functools
import re

from device_manager.errors import ApiError, api_error
from device_manager.settings import Settings

METHODS = b"GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"
MOST_REMEMBERED = 1024


class Origins:
    """The origins that are allowed.

    Args:
        settings: has the list. An entry is a whole origin such as `https://app.example`, in which `*` stands for any
            part of the host name or the port; `*` alone allows all.

    Attributes:
        always: header lines of every answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._all = "*" in settings.allowed_origins
        patterns = (re.escape(origin.lower()).replace(r"\*", "[a-z0-9.-]*") for origin in settings.allowed_origins)
        self._pattern = re.compile("|".join(patterns).encode() or rb"(?!)")
        self.always = b"access-control-allow-methods: %b\r\naccess-control-allow-headers: %b\r\n" % (
            METHODS,
            ", ".join(settings.allowed_headers).encode(),
        )
        if settings.allow_credentials:
            self.always += b"access-control-allow-credentials: true\r\n"
        self._matches = functools.lru_cache(MOST_REMEMBERED)(self._match)

    def refusal(self, origin: bytes | None) -> ApiError | None:
        """The 401 for a page that may not call; callers that are no browsers send no origin and are not held up."""
        if origin is None or self._all or self._matches(origin):
            return None
        return api_error("api.process.unauthorized_origin", origin.decode("latin-1"))

    def echo(self, origin: bytes) -> bytes:
        """The header lines that let the page of an allowed origin read the answer."""
        if self._all or self._matches(origin):
            return b"access-control-allow-origin: %b\r\nvary: Origin\r\n" % origin
        return b"vary: Origin\r\n"

    def _match(self, origin: bytes) -> bool:
        return self._pattern.fullmatch(origin.lower()) is not None
