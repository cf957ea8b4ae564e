"""Everything about Splunk: the modular input's process, settings, KV store, log and searches.

The only package that imports Splunk's libraries. No other package imports it.
"""
