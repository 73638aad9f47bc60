"""The controllers of the product: one module each, thin, one declaration per action (design 4)."""
