"""Microsoft Defender Alerts Add-on for Splunk: collects each version of each alert once, in time order.

``docs/architecture.md`` describes the data flow and which package may import which.
"""
