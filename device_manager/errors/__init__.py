"""The one error type that travels to clients, made from one catalogue of ids (router-protocol 2.3 and 4)."""

from __future__ import annotations

from typing import Any

from device_manager.errors.catalogue import CATALOGUE, ErrorKind

__all__ = ["CATALOGUE", "ApiError", "ErrorKind", "api_error", "unexpected"]


class ApiError(Exception):
    """A refusal that the caller is told about: what was refused, which value, what would be accepted.

    Attributes:
        message: text for people.
        status: HTTP-like status, 206 or 400 and above.
        id: dotted name from the catalogue, None for errors that applications build by hand.
        code: number that goes with the id.
        props: the values that fill the placeholders of the catalogue's text, in order.
        extra: further members of the error object, such as `errors`, `count`, `chunks` or `committed`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        id: str | None = None,
        code: int | None = None,
        props: tuple[object, ...] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.id = id
        self.code = code
        self.props = props
        self.extra = extra or {}

    @property
    def is_fault(self) -> bool:
        """Whether the server or its store failed, so that the request itself may be all right."""
        return self.status >= 500

    @property
    def is_unavailable(self) -> bool:
        """Whether the store, or a slot, is not there now and may be in a moment."""
        return self.status == 503

    @property
    def is_unknown_place(self) -> bool:
        """Whether it says that there is no such index, or no such collection in it."""
        return self.id in ("services.storage.unknown_index", "services.storage.unknown_collection")

    def to_dict(self) -> dict[str, Any]:
        """The error object of the response envelope (router-protocol 2.3)."""
        content: dict[str, Any] = {"message": self.message, "status": self.status}
        if self.id is not None:
            content |= {"id": self.id, "code": self.code, "props": list(self.props)}
        return content | self.extra


def api_error(id: str, *props: object, **extra: Any) -> ApiError:
    """Build the catalogued error `id`; `props` fill its text, `extra` become further members of the error object."""
    kind = CATALOGUE[id]
    return ApiError(
        kind.text.format(*props), status=kind.status, id=id, code=kind.code, props=props, extra=extra or None
    )


def unexpected(error: BaseException) -> ApiError:
    """What callers see of an exception that nobody foresaw: its text, never a stack."""
    return error if isinstance(error, ApiError) else api_error("plugin.runtime.unexpected_error", str(error))
