"""The store: documents by index, collection and id, with transactions and queries (design 6, router-protocol 6)."""
