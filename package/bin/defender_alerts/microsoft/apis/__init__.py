"""Microsoft's alert APIs behind one interface (``base``).

An API builds requests, splits answers into records and explains refusals. It sends nothing itself.
"""
