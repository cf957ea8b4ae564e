"""Everything about Microsoft: clouds, sign-in, HTTP and the APIs.

Knows neither checkpoints nor Splunk. Every other package may use it.
"""
