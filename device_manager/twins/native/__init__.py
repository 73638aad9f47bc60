"""What native writes to the collections of engines have to keep in order (router-protocol 5.6)."""
