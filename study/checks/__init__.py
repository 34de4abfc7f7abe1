"""Checks of attribution that readers ask for: each makes what it needs in the store, and is a table."""
