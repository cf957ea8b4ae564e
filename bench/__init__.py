"""Measurements of the built add-on, against the stand-ins. Numbers are printed, never asserted as times."""
