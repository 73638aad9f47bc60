"""Subscriptions, notifications and presence (router-protocol 5.7 and 7)."""
