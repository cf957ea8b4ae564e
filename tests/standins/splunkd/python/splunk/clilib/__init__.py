"""Splunk's command line library."""
