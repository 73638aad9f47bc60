"""Groups: the hierarchy in an engine, and which twins are in it (device-manager 2.4)."""
