"""Owns the embedded stack: PostgreSQL, Kafka, Envoy and our processes on one machine, without Docker, Java or root.

Never imported by the product: a container image runs the same processes without any of this.
The way in is `tools.stack.stack.Stack`, or `python -m tools.stack up|down|status`.
"""
