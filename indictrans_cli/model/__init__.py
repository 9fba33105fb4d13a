"""The Transformer, from scratch, in PyTorch. Knows nothing of files or text."""
