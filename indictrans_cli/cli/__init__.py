"""The command line: parse, call the library, print. Heavy imports stay inside the functions."""
