"""The errors of the router and the stores (router-protocol 4): (subdomain, codes) -> (name, number, status, text)."""

from __future__ import annotations

TABLE: dict[tuple[str, int, int], list[tuple[str, int, int, str]]] = {
    ("services.storage", 1, 1): [
        ("unknown_index", 1, 412, 'The index "{0}" does not exist.'),
        ("unknown_collection", 2, 412, 'The collection "{0}":"{1}" does not exist.'),
        ("not_found", 11, 404, 'Document "{0}" not found in "{1}":"{2}".'),
        ("document_already_exists", 17, 400, "Document already exists."),
        ("too_many_changes", 32, 409, 'Document "{0}" keeps changing under this request. Try again.'),
        ("strict_mapping_rejection", 43, 400, 'Field "{0}" is not allowed by the mapping of "{1}":"{2}".'),
    ],
    ("plugin.runtime", 4, 2): [
        ("unexpected_error", 2, 500, "Caught an unexpected plugin error: {0}"),
    ],
}
