"""A forecast with everything that stands beside it: saved, opened again, and as people read it."""
