"""What Microsoft is asked, and how: clouds, sign-in, HTTP, and the APIs.

Knows neither checkpoints nor Splunk. Everything above it may know it.
"""
