"""Collects one input: reads windows, writes events, then saves the checkpoint.

Knows ``microsoft`` and ``checkpoint``; the store, the event sink and the clock are passed in.
"""
