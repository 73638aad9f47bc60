"""Bringing data of an existing Kuzzle device-manager, version 2 or 3, to this product's shape (device-manager 6.2)."""
