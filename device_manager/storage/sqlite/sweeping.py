"""Removing what dropped collections leave behind, in small steps beside other writes (design 6)."""

from __future__ import annotations

import apsw

from device_manager.storage.sqlite.layout import SERIAL_BITS, SERIAL_MASK

ROWS = 2000
"""Rows removed in one step."""

_FIRST_DROPPED = "SELECT cid FROM collection WHERE dropped LIMIT 1"
_TERMS = """DELETE FROM term WHERE (f, v, rid) IN (
    SELECT f, v, rid FROM term WHERE f = (SELECT field.f FROM field WHERE field.cid = ?1 LIMIT 1) LIMIT ?2)"""
_FIELD = """DELETE FROM field WHERE f = (SELECT f FROM field WHERE cid = ?1 LIMIT 1)
    AND NOT EXISTS (SELECT 1 FROM term WHERE term.f = field.f)"""
_DOCUMENTS = """DELETE FROM doc WHERE rid IN (SELECT rid FROM doc WHERE rid BETWEEN ?1 AND ?2 LIMIT ?3)"""


def sweep_step(connection: apsw.Connection) -> bool:
    """Remove some rows of some dropped collection; whether there may be more."""
    cid = connection.execute(_FIRST_DROPPED).get
    if cid is None:
        return False
    connection.execute(_TERMS, (cid, ROWS))
    connection.execute(_FIELD, (cid,))
    first = cid << SERIAL_BITS
    connection.execute(_DOCUMENTS, (first, first | SERIAL_MASK, ROWS))
    left = (
        "SELECT EXISTS (SELECT 1 FROM field WHERE cid = ?1) OR EXISTS (SELECT 1 FROM doc WHERE rid BETWEEN ?2 AND ?3)"
    )
    if not connection.execute(left, (cid, first, first | SERIAL_MASK)).get:
        connection.execute("DELETE FROM collection WHERE cid = ?", (cid,))
    return True
