# SPDX-License-Identifier: 0BSD
"""Single-file programs that teach UNIX interprocess communication.

``python -m ipc_examples`` lists them. Each is complete in itself: copy the
file anywhere and run it.
"""
