"""What became of every message, counted; the numbers that users are shown, once or live.

Owns one row per final message, one per receipt, and the counters of those rows. Never sends, never decides what a state
is, and never holds a name or an address: ids only.

Topics in: campaign-lifecycle, message-outcomes, message-receipts, run-ended. Topics out: run-counted.
"""
