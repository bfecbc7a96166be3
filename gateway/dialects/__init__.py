"""The dialects: one package each, tables and pure functions. Never owns data, and never a rule: the core has those."""
