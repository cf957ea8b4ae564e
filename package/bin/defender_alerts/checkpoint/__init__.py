"""How far each region has been collected, and what has been delivered.

Knows neither Microsoft nor Splunk: the store is passed in.
"""
