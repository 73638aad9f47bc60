"""The tables of the embedded store: one file, one fixed set of tables for all tenants (design 6).

Nothing here is created at run time: a new engine, collection or field is a row. What a query compiler has to know:

`doc` holds the documents. `rid` is `cid << SERIAL_BITS | serial`, so the documents of one collection lie together and
`rid BETWEEN cid << 36 AND (cid << 36) + (1 << 36) - 1` is the collection. `source` is JSONB: select `json(source)`.

`term` is the inverted table: one row for each *distinct* value that a document has in an indexed leaf. `f` is the
field number, unique over all collections and therefore the tenant's key too. A leaf is a path of the mapping
(`model`, `linkedMeasures.deviceId`, the multi-field `model.text`). The type of the leaf says what `v` holds:

| mapping type                | `v`                                                                               |
|-----------------------------|-----------------------------------------------------------------------------------|
| keyword                     | TEXT; numbers and booleans of the source as Elasticsearch writes them (`5`, `true`) |
| integer, long               | INTEGER, fractions cut off as Elasticsearch does                                  |
| float                       | REAL rounded to 32 bits: round what it is compared with in the same way           |
| double                      | REAL                                                                              |
| date                        | INTEGER, milliseconds since 1970-01-01T00:00Z                                     |
| boolean                     | INTEGER, 0 or 1                                                                   |
| text, geo_point, geo_shape  | INTEGER 1 when there is a value: presence only, nothing else can be asked          |

A text multi-field of a keyword has no rows of its own: it has the number of the keyword, whose rows tell its presence.

No row: no value (absent, null, empty array), or an object that is not mapped, or anything below a `nested` field,
which only a nested query could reach. So for a leaf f

- equality is `v = ?`, any element of an array; a range is one index range over (f, v) and applies to one value;
- existence is "any row of f", for an object "any row of any leaf below it";
- negation is `NOT IN` / `EXCEPT` over the rids of the collection and includes documents without a value;
- sorting ascending takes `min(v)`, descending `max(v)` of the document's rows; no row sorts as missing;
- a terms aggregation is `count(*) ... GROUP BY v`: it counts documents because values are distinct per document.

`v` has no affinity: bind exactly the Python type of the table above (never `True`, never `"5"` for a number).
"""

from __future__ import annotations

SCHEMA_VERSION = 1
"""Raised when the tables change; a file with a higher one is refused."""

APPLICATION_ID = 0x644D4772
"""Marks the file as ours in `PRAGMA application_id`."""

SERIAL_BITS = 36
"""Bits of `rid` below the collection's number."""

SERIAL_MASK = (1 << SERIAL_BITS) - 1

PRESENCE = 1
"""The value of `term.v` for leaves of which only the presence is indexed."""

DATABASE = "store.sqlite3"
"""Name of the database file in the store's directory."""

LOCK = "server.lock"
"""Name of the file that the one server of a directory keeps locked; it holds the server's process id."""

TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};

CREATE TABLE "index" (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

-- `dropped` collections are invisible; their rows go away in the background. AUTOINCREMENT: numbers are never reused.
CREATE TABLE collection (
    cid INTEGER PRIMARY KEY AUTOINCREMENT,
    "index" TEXT NOT NULL,
    name TEXT NOT NULL,
    mapping TEXT NOT NULL,
    revision INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX collection_name ON collection ("index", name) WHERE NOT dropped;

CREATE TABLE field (
    f INTEGER PRIMARY KEY AUTOINCREMENT,
    cid INTEGER NOT NULL,
    path TEXT NOT NULL,
    UNIQUE (cid, path)
);

-- `seq` is different for every write ever made; `revision` is that of the mapping the terms were made with.
CREATE TABLE doc (
    rid INTEGER PRIMARY KEY,
    cid INTEGER NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    source BLOB NOT NULL
);
CREATE UNIQUE INDEX doc_id ON doc (cid, id);

CREATE TABLE term (
    f INTEGER NOT NULL,
    v NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (f, v, rid)
) WITHOUT ROWID;

-- `seq`: no write has this number or a higher one yet.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter VALUES ('seq', 1);
"""  # noqa: S608  # the numbers are constants of this module
