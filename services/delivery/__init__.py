"""Owns every message from claim to outcome: chunks of frozen audiences, claims, provider calls, final states, receipts,
keys.

Never decides who is in an audience or when a campaign starts, and never shows a counter to users.
Topics in: campaign-lifecycle, audience-batches, audience-totals. Topics out: message-outcomes, message-receipts,
run-ended, endpoint-retired.
"""
