"""Memory for what clients have sent and nobody has handled yet, bounded over all connections (design 8)."""

from __future__ import annotations

FREE_BYTES = 16_384
"""Bytes of each connection that do not count: what everybody needs for a message in two pieces."""


class IncomingMemory:
    """The bytes of half-received and waiting messages of all connections.

    Args:
        most_bytes: how many there may be.
    """

    __slots__ = ("_most_bytes", "held_bytes")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    def take(self, size: int) -> bool:
        """Count `size` bytes more; False, and nothing counted, when that would be too many."""
        if self.held_bytes + size > self._most_bytes:
            return False
        self.held_bytes += size
        return True

    def give_back(self, size: int) -> None:
        """Count `size` bytes less."""
        self.held_bytes -= size


class Share:
    """What one connection holds of the memory.

    Args:
        memory: shared by all connections.

    Attributes:
        counted_bytes: what of it counts.
    """

    __slots__ = ("_memory", "counted_bytes")

    def __init__(self, memory: IncomingMemory) -> None:
        self._memory = memory
        self.counted_bytes = 0

    def hold(self, size: int) -> bool:
        """Hold `size` bytes from now on; False, and everything as before, when the memory has no place for them."""
        wanted = max(size - FREE_BYTES, 0)
        if wanted > self.counted_bytes:
            if not self._memory.take(wanted - self.counted_bytes):
                return False
        else:
            self._memory.give_back(self.counted_bytes - wanted)
        self.counted_bytes = wanted
        return True
