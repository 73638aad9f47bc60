"""Measures once they are stored: what a twin measured, measures now, and looked like (device-manager 2.2, 2.3)."""
