"""Other families' weights and ours: the same Transformer under other names."""
