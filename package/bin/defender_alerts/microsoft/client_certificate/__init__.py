"""Proof that an application is itself, by a certificate: what the administrator pasted, read, checked and signed with.

``pair`` reads the two fields of an account, ``assertion`` makes of them what Entra ID wants to see. Everything that
touches the private key's numbers is done by the OpenSSL of Splunk's Python (``libcrypto``). They are imported where an
account has a certificate.
"""

UNSUPPORTED_ALGORITHM = 5002730
"""The AADSTS code by which Entra ID does not take the algorithm of an assertion."""
