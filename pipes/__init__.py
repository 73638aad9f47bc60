"""The pipes that ship with the product: small plugins, made to be copied (design 5)."""
