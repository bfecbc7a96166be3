"""Owns the one exception that a person at the terminal sees; never formats a traceback."""

from __future__ import annotations


class StackError(Exception):
    """Raised when the stack cannot do what was asked; the text says what failed and what to look at."""
