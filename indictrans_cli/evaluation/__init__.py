"""How good a model is: scores of its translations, and its perplexity."""
