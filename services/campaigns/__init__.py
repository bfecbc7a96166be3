"""Owns campaigns: their definitions, their life cycle, their runs, when they start.

Never resolves an audience, never sends, never counts messages.
Topics in: audience-totals, run-counted. Topics out: campaign-lifecycle.
"""
