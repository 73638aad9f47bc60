"""What signed transactions are written to: the ledger of this server, or a chain elsewhere (facades 3.11, 3.12)."""
