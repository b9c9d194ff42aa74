# SPDX-License-Identifier: 0BSD
"""The site's extensions of Sphinx: ``README.md`` is their map."""
