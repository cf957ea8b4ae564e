"""Everything about Microsoft: clouds, sign-in, HTTP and the APIs.

Knows neither checkpoints nor Splunk. Every package but ``checkpoint`` may use it.
"""
