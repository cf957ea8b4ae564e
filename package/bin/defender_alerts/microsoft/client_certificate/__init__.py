"""Certificates: signs in with an account's own, and reads the CA certificates of the settings.

``key_pair`` reads the account's certificate and key, ``assertion`` makes the signed JWT for Entra ID, ``authorities``
reads CA certificates. The OpenSSL of Splunk's Python (``libcrypto``) does all arithmetic with the private key.
"""

UNSUPPORTED_ALGORITHM = 5002730
"""The AADSTS code with which Entra ID refuses an assertion's algorithm."""
