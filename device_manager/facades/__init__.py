"""Interfaces of other systems, answered by actions of this one (facades 1)."""
