"""The controller `cluster`: which servers share the store (router-protocol 5.9)."""

from __future__ import annotations

import msgspec

from device_manager.router.controller import Controller, action
from device_manager.security.scope import Scope
from device_manager.storage.servers import Activity, Servers


class Node(msgspec.Struct):
    """A server that is alive."""

    id: str
    address: str
    birthdate: str


class ClusterStatus(msgspec.Struct, rename="camel"):
    """What `status` answers."""

    active_nodes: int
    nodes: list[Node]
    activity: list[Activity]


class ClusterController(Controller):
    """`cluster`: the servers that share a store.

    Args:
        servers: knows them.
    """

    name = "cluster"
    scope = Scope.PLATFORM

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    @action(http=["GET /cluster/_status"])
    async def status(self) -> ClusterStatus:
        """The servers that are alive, and who came and went since this one started.

        With the embedded store that is this one. One that dies counts as alive for some twenty seconds; one that stops
        takes its leave.

        Example request:

            {"controller": "cluster", "action": "status"}

        Example result:

            {"activeNodes": 1,
             "nodes": [{"id": "knode-calm-heron-1", "address": "127.0.0.1:7512",
                        "birthdate": "2026-11-23T07:00:00.000Z"}],
             "activity": [{"id": "knode-calm-heron-1", "address": "127.0.0.1:7512",
                           "date": "2026-11-23T07:00:00.000Z", "event": "joined"}]}
        """
        nodes = [Node(record.id, record.address, record.birthdate) for record in await self._servers.look()]
        return ClusterStatus(len(nodes), nodes, self._servers.activity)
