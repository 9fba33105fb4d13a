"""Model directories in other forms. Each export loads what it wrote and compares it with the original."""
