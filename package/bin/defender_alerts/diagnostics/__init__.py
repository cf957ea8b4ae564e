"""Probes the path to Microsoft for the doctor and for the checks at save; writes nothing."""
