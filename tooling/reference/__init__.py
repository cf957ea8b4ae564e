"""The tables of the reference pages, made of what the product itself reads.

    PYTHONPATH=package/bin:. .toolchain/venv/bin/python -m tooling.reference

writes them. A table stands behind its mark in a page; the text around it is written by hand.
"""
