"""Measures what servers and the site's build cost: ``nox -s bench``."""
