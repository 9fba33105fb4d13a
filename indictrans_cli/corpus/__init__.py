"""Parallel text to token shards: sources, cleaning, tokenizer, and the folder of prepared data."""
