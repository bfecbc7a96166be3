"""Envoy's configuration, in parts: what each API becomes on Envoy's side.

Never contains a path or a method by name: those are read from the protos' annotations.
"""
