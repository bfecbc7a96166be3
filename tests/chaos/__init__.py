"""Owns `make chaos`: a campaign under seeded faults on a stack of its own, and the verdict of the receiving side."""
