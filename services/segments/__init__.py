"""Contacts, their push subscriptions, saved segments, and the frozen audience of every run.

Owns who there is, who a filter lets through, and who was in a run's audience at the moment it was resolved.
Never sends, and never changes an audience once it is announced.

Topics in: campaign-lifecycle, endpoint-retired. Topics out: audience-batches, audience-totals.
"""
