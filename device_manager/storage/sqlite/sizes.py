"""How much room collections take in the file (router-protocol 5.3, `stats`)."""

from __future__ import annotations

import apsw

from device_manager.storage.sqlite.catalogue import Collection

SAMPLE = 1000
"""Documents whose size is looked at."""


def estimated_size(connection: apsw.Connection, collection: Collection) -> int:
    """Bytes of the documents of a collection, as the first of them let expect."""
    first, last = collection.rids
    sample = "SELECT avg(length(source)) FROM (SELECT source FROM doc WHERE rid BETWEEN ? AND ? LIMIT ?)"
    mean = connection.execute(sample, (first, last, SAMPLE)).get
    count = connection.execute("SELECT count(*) FROM doc WHERE rid BETWEEN ? AND ?", (first, last)).get
    return int((mean or 0) * count)
