"""Events: their declarations and the runner of pipes and hooks (design 5, router-protocol 3.5)."""
