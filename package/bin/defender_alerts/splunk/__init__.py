"""The side that faces Splunk: the modular input's process, settings, KV store, log and searches.

The only package that imports Splunk's libraries. Nothing else knows it.
"""
