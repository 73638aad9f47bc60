"""Bodies of HTML forms as values (router-protocol 1.8): names with texts, and files of multipart bodies."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from device_manager.errors import api_error

MOST_FIELDS = 1000
"""Names of a query string or a form, parts of a multipart body."""
MOST_BOUNDARY_BYTES = 70
"""What RFC 2046 allows."""


class UnreadableForm(ValueError):
    """The text is no form of its kind; the argument says why."""


def read_pairs(text: bytes) -> dict[str, Any]:
    """`a=1&b=2` as a mapping: repeated names become arrays, a name alone the empty text.

    Raises:
        UnreadableForm: text that is no UTF-8, escaped or not, NUL characters, or too many names.
    """
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise UnreadableForm(str(error)) from error
    values: dict[str, Any] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise UnreadableForm("it holds a NUL character")
        add_value(values, name, value)
    return values


def add_value(values: dict[str, Any], name: str, value: Any) -> None:
    """Set a value by name; the second one of the same name makes an array of them."""
    if name not in values:
        values[name] = value
    elif isinstance(values[name], list):
        values[name].append(value)
    else:
        values[name] = [values[name], value]


def read_multipart(body: bytes, content_type: bytes, max_file_bytes: int) -> dict[str, Any]:
    """A multipart body as a mapping: texts, and files as `{encoding, file, filename}`.

    Args:
        body: the parts.
        content_type: the whole header, which names the boundary.
        max_file_bytes: largest file.

    Raises:
        UnreadableForm: no usable boundary, broken or nameless parts, texts that are no UTF-8, or too many parts.
        ApiError: `network.http.file_too_large`.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= MOST_BOUNDARY_BYTES:
        raise UnreadableForm(f"its content type names no boundary of 1 to {MOST_BOUNDARY_BYTES} bytes")
    parts = _Parts(max_file_bytes)
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        raise UnreadableForm(str(error)) from error
    if not parts.ended:
        raise UnreadableForm("it is cut off")
    return parts.values


class _Parts:
    """Collects the parts while they are parsed."""

    def __init__(self, max_file_bytes: int) -> None:
        self.values: dict[str, Any] = {}
        self.ended = False
        self._max_file_bytes = max_file_bytes
        self._count = 0
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._content = bytearray()

    def callbacks(self) -> Any:
        """What the parser calls, by its names for it."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._name_header,
            "on_header_value": self._value_header,
            "on_header_end": self._end_header,
            "on_part_data": self._collect,
            "on_part_end": self._finish,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > MOST_FIELDS:
            raise UnreadableForm(f"it has more than {MOST_FIELDS} parts")
        self._headers = {}
        self._content = bytearray()

    def _name_header(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value_header(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _collect(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _finish(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise UnreadableForm(f"part {self._count} has no name")
        name = _text(options[b"name"], f"the name of part {self._count}")
        filename = options.get(b"filename")
        if filename is None:
            add_value(self.values, name, _text(bytes(self._content), f'the part "{name}"'))
            return
        if len(self._content) > self._max_file_bytes:
            raise api_error("network.http.file_too_large", self._max_file_bytes)
        media = self._headers.get(b"content-type", b"application/octet-stream").partition(b";")[0].strip()
        content = base64.b64encode(self._content).decode()
        file = {"encoding": media.decode("latin-1"), "file": content}
        add_value(self.values, name, file | {"filename": _text(filename, f'the file name of "{name}"')})

    def _end(self) -> None:
        self.ended = True


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnreadableForm(f"{what} is not UTF-8 text") from None
