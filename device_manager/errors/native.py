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
        ("invalid_mapping", 21, 400, 'Invalid mapping property "{0}".{1}'),
        ("collection_reserved", 22, 400, 'The collection name "{0}" is reserved.'),
        ("cannot_change_mapping", 26, 400, 'Cannot change the mapping of field "{0}": add a new field instead.'),
        ("unexpected_properties", 28, 400, 'Unexpected properties "{0}" for field "{1}".'),
        ("invalid_mapping_type", 29, 400, 'Field "{0}" has the unknown type "{1}".'),
        ("index_already_exists", 38, 412, 'The {0} index "{1}" already exists.'),
        ("invalid_index_name", 41, 400, 'The index name "{0}" is invalid.'),
        ("invalid_collection_name", 42, 400, 'The collection name "{0}" is invalid.'),
        ("unavailable", 64, 503, "The store cannot serve the request now: {0}"),
        ("get_limit_exceeded", 3, 413, "The search asks for more documents than the limit allows (setting `search_size`)."),
        ("write_limit_exceeded", 4, 413, "The request changes more documents than the limit allows."),
        ("unexpected_bad_request", 33, 400, "{0}"),
        ("invalid_search_query", 40, 400, 'Invalid key "{0}" in the search body.'),
        ("unknown_query_keyword", 45, 400, 'The keyword "{0}" is not part of the query language.'),
        ("invalid_query_keyword", 47, 400, 'The keyword "{0}" is not allowed in a query.'),
    ],
    ("plugin.runtime", 4, 2): [
        ("unexpected_error", 2, 500, "Caught an unexpected plugin error: {0}"),
    ],
    ("services.koncorde", 1, 5): [
        ("elastic_translation_error", 1, 400, "The Koncorde filter cannot be translated: {0}"),
    ],
    ("api.assert", 2, 1): [
        ("invalid_type", 1, 400, 'Wrong type for argument "{0}" (expected: {1})'),
        ("invalid_argument", 2, 400, 'Invalid argument "{0}" (expected: {1})'),
        ("koncorde_restricted_keyword", 13, 400, 'The Koncorde {0} "{1}" cannot be used in a search.'),
        ("koncorde_dsl_error", 14, 400, "{0}"),
    ],
}
