"""Readers and writers of documents: what is to be translated goes out as segments, the rest comes back untouched."""
