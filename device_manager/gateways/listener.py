"""The listening socket and what every connection inherits from it."""

from __future__ import annotations

import errno
import socket

SEND_BUFFER = 262_144
"""Bytes that the kernel buffers per connection; left alone it lets them grow to several megabytes."""


class CannotListen(OSError):
    """An address that cannot be bound; the text names it, says why and what to do."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        reason = error.strerror or str(error)
        hint = f" `ss -ltnp 'sport = :{port}'` tells by which process." if error.errno == errno.EADDRINUSE else ""
        super().__init__(error.errno, reason)
        self._text = f"{host}:{port} cannot be listened on: {reason}.{hint}"

    def __str__(self) -> str:
        return self._text


def listen(host: str, port: int, stalled_reader_timeout: float) -> socket.socket:
    """Bind a TCP socket; the loop puts it into the listening state.

    Args:
        host: a name or address; a name with several addresses is bound to the first one.
        port: 0 for any free one.
        stalled_reader_timeout: seconds after which the kernel (Linux) drops a peer that acknowledges nothing.

    Raises:
        CannotListen: unknown host, or an address that is taken or not ours.
    """
    try:
        return _bound(host, port, stalled_reader_timeout)
    except OSError as error:
        raise CannotListen(host, port, error) from error


def _bound(host: str, port: int, stalled_reader_timeout: float) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled_reader_timeout * 1000))
        listener.bind(address)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
