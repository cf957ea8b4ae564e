"""Collects one input: reads windows, writes events, then saves the checkpoint.

Knows ``microsoft`` and ``checkpoint``; the store, the sink of events and the clock are passed in.
"""
