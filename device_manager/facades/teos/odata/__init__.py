"""The part of OData 4 that clients of TEOS use (facades 3.4, 3.5)."""
