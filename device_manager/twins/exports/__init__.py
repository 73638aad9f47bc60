"""Twins and measures as files: prepared by one call, downloaded once by another (device-manager 2.8)."""
