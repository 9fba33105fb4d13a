"""Search over a model: batched, with a key/value cache."""
