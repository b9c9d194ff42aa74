"""Runs a program, and lets a signal come to it at a chosen line."""
