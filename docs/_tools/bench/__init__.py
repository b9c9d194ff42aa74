"""Measures what the stream servers cost: ``nox -s bench`` runs it."""
