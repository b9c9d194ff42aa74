"""In the place of Python's own, whose imports are half of a prompt's start."""
