"""The door: Envoy asks it about every request (ext_authz) before anything else happens to it.

Owns three questions, in this order: who is calling, is there such a path and method, is what is sent exactly what the
method takes. Never changes a request beyond swapping its credential for an identity, and never calls a service.
"""
