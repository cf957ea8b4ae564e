"""``defender_alerts_doctor.py --self``: looks at the installation itself, and speaks where nothing else does.

It starts without any of the libraries in ``lib/``, and nothing here needs more than Python 3.7 has: whatever keeps the
add-on from starting, it can say so (``tests/package/test_first_look.py``). It reads, and writes nothing.
"""
