"""``defender_alerts_doctor.py --self``: examines the installation when nothing else starts.

It needs none of the libraries in ``lib/`` and only Python 3.7, so it can say what keeps the add-on from starting
(``tests/package/test_first_look.py``). It writes nothing.
"""
