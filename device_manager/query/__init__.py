"""Queries: one tree, parsed from the Elasticsearch DSL or Koncorde, compiled for every store (design 6)."""
