"""Checks accounts, the path to Microsoft and checkpoints, for the doctor and before a page saves; writes nothing."""
