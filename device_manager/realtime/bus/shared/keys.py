"""Where the bus keeps what in Redis."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of keys. Streams belong to one run of the Redis: another one may have lost the newest entries.

    Attributes:
        prefix: begins all of them.
        run: id of the run of the Redis.
        server: id of this server.
    """

    prefix: str
    run: str
    server: str

    @property
    def log(self) -> str:
        """The stream of entries; those have the ids `0-<number>`."""
        return f"{self.prefix}log:{self.run}"

    @property
    def signals(self) -> str:
        """The stream of what servers tell each other beside the log."""
        return f"{self.prefix}signals:{self.run}"

    @property
    def sent(self) -> str:
        """The sequence number of this server's newest entry in the log."""
        return f"{self.prefix}sent:{self.run}:{self.server}"

    @property
    def alive(self) -> str:
        """The servers, sorted by the time at which they count as gone."""
        return f"{self.prefix}alive"

    @property
    def followed(self) -> str:
        """The followed collections: until when, and from which number on."""
        return f"{self.prefix}followed"

    @property
    def all_holds(self) -> str:
        """What `holds` begins with for every server."""
        return f"{self.prefix}holds:"

    @property
    def holds(self) -> str:
        """The collections for which this server wants a lease to be kept."""
        return f"{self.all_holds}{self.server}"

    @property
    def all_rooms(self) -> str:
        """What `rooms` begins with for every server."""
        return f"{self.prefix}rooms:"

    @property
    def rooms(self) -> str:
        """The rooms of this server: `count:description`."""
        return f"{self.all_rooms}{self.server}"
