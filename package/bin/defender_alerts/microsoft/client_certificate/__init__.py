"""Signs in with a certificate: reads and checks the pasted PEM, and signs the client assertion.

``key_pair`` reads the account's certificate and key, ``assertion`` makes the signed JWT for Entra ID. All arithmetic
with the private key is done by the OpenSSL of Splunk's Python (``libcrypto``). Only imported for accounts that have a
certificate.
"""

UNSUPPORTED_ALGORITHM = 5002730
"""The AADSTS code with which Entra ID refuses an assertion's algorithm."""
