"""Checks one input end to end and says what was found and what to do; it reads, and writes nothing."""
