"""Where a caller is, as far as that can be believed: behind proxies, what the nearest of them say (design 8)."""

from __future__ import annotations

from typing import Protocol


class Located(Protocol):
    """What is looked at of a connection."""

    ips: tuple[str, ...]
    headers: dict[str, str]


def client_address(connection: Located, proxies: int) -> str:
    """The address of the client; empty for what comes from inside.

    Args:
        connection: the first of its `ips` is that of the socket.
        proxies: how many proxies stand in front of the server, each of which appends to `X-Forwarded-For` the address
            that it was called from. What stands in front of these entries anybody may have written.
    """
    if not connection.ips:
        return ""
    hops = [hop.strip() for hop in connection.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    seen = [connection.ips[0], *reversed(hops)]
    return seen[min(proxies, len(seen) - 1)]
