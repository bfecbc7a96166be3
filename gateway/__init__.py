"""The gateway: who may call, the strict door, the dialects, and Envoy's configuration.

Owns identity (organizations, projects, API keys, token issuers) in the schema `accounts`. Never owns a campaign, and
never a rule about one: every dialect's method ends in a call to the core.
"""
