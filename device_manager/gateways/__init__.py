"""Protocol adapters on one port: bytes to requests, responses to bytes; they decide nothing (design 3)."""
