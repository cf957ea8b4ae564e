"""Python imports this before the script: afterwards hashlib allows what FIPS 140-3 does, and nothing else.

MD5 and SHA-1 are left to those who say that they don't use them for security.
"""

import hashlib
import os

_NOT_APPROVED = {"blake2b", "blake2s", "md5", "sha1"}
_MARKED = {"md5", "sha1"}


def _blocked(name, genuine):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    def digest(data=b"", *, usedforsecurity=True, **others):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
        if name in _MARKED and not usedforsecurity:
            return genuine(data, usedforsecurity=False)
        if others and os.environ["BLOCKED_DIGESTS"] == "OpenSSL's own":
            raise TypeError(f"'{next(iter(others))}' is an invalid keyword argument for openssl_{name}()")
        raise ValueError("[digital envelope routines: EVP_DigestInit_ex] disabled for FIPS")

    return digest


_new = hashlib.new


def _new_if_allowed(name, data=b"", **others):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
    return (
        getattr(hashlib, name.lower())(data, **others) if name.lower() in _NOT_APPROVED else _new(name, data, **others)
    )


hashlib.new = _new_if_allowed
for _name in _NOT_APPROVED:
    if os.environ["BLOCKED_DIGESTS"] == "gone" and _name not in _MARKED:
        delattr(hashlib, _name)
    else:
        setattr(hashlib, _name, _blocked(_name, getattr(hashlib, _name)))  # type: ignore[no-untyped-call]
