"""Documents as the rows of tables: where their values are, and how rows are written. It knows no store."""
