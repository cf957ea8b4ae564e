"""The side that faces Splunk: a modular input's run, its settings, its checkpoint store and its log."""
