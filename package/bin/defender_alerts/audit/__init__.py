"""Compares what Microsoft shows of a time range with what is indexed.

Reads as ``collect`` does; writes nothing.
"""
