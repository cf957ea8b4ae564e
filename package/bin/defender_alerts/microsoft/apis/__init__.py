"""Microsoft's APIs, each as what a region's reader needs to know of it (``base``).

An API builds requests, cuts records out of answers and explains refusals. It sends nothing itself.
"""
