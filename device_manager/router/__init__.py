"""The generic router: a request goes in, a response comes out, no socket in sight (design 3 and 4)."""
