"""Every error id with its numeric code, status and text (router-protocol 4, device-manager 5.6)."""

from __future__ import annotations

from typing import NamedTuple

from device_manager.errors import domain, native

__all__ = ["CATALOGUE", "ErrorKind"]


class ErrorKind(NamedTuple):
    """One line of the catalogue; `text` holds `str.format` placeholders for the props."""

    id: str
    code: int
    status: int
    text: str


def _kinds() -> dict[str, ErrorKind]:
    """Number the tables: code = domain << 24 | subdomain << 16 | error."""
    kinds: dict[str, ErrorKind] = {}
    for (name, domain_code, subdomain_code), entries in (native.TABLE | domain.TABLE).items():
        for error_name, number, status, text in entries:
            id = f"{name}.{error_name}"
            kinds[id] = ErrorKind(id, domain_code << 24 | subdomain_code << 16 | number, status, text)
    return kinds


CATALOGUE = _kinds()
