"""Specifications: what the documents of a collection have to be like, beyond its mapping (router-protocol 5.4)."""
