"""TEOS: assets whose changes are signed by their issuers and kept in a ledger, over OData (facades 3)."""
