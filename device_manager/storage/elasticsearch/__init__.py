"""The Elasticsearch store: one index per collection, transactions by intent and conditional commit (design 6)."""
