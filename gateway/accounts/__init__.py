"""Accounts: organizations, their projects, API keys and tokens, in the schema `accounts`.

Never keeps a secret in the clear: of a key only its hash, of a token nothing at all.
"""
