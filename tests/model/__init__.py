"""Owns explicit-state models of the protocols that the promises rest on; every interleaving is looked at."""
