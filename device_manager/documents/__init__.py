"""Documents as native actions see them: indices, collections and documents by name (router-protocol 5.3 to 5.8)."""
