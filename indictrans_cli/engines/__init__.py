"""Engines run a model directory: sentences in, translations out."""
