"""The bulk actions: many twins in one call, from records or files (design 7, device-manager 6.3)."""
