"""Probes of the way to Microsoft, used by the doctor and by the checks at save alike: they look, and write nothing."""
