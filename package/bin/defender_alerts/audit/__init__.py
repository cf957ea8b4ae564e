"""Compares Microsoft's alerts of a time range with the indexed events.

Reads with ``collect``'s reader; writes nothing but, on request, an order to collect what is missing.
"""
