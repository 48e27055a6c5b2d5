"""The micro ladder: a measured ladder of character-level language models."""
