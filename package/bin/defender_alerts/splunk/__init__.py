"""Everything about Splunk: the modular input's process, settings, KV store, log, searches, pages and commands.

The only package that imports Splunk's libraries. No other package imports it.
"""
