"""Owns the calls to the outside world: one file per channel or provider.

Never touches the database: a sender is given messages and answers what became of each.
"""
