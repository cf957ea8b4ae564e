"""Microsoft Defender Alerts Add-on for Splunk: collects each version of each alert once, in time order.

The way the data takes, and which room may know which, is in ``docs/architecture.md``.
"""
