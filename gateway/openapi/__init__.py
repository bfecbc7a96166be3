"""A dialect's OpenAPI document, made from its protos: `python -m gateway.openapi reachbell --out FILE`.

Never written by hand: whatever it says, the descriptors, their comments or the dialect's shape for errors say, too.
"""
