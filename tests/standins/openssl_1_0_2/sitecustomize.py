"""Python imports this before the script: afterwards ssl looks as if it were built against OpenSSL 1.0.2.

After CPython 3.9's Lib/ssl.py and Modules/_ssl.c: what 1.1.0 and later alone have (TLS 1.3, `minimum_version` and its
like, checks of host names by OpenSSL without the common name) isn't there.
"""

import _ssl
import ssl

VERSION = "OpenSSL 1.0.2zk-fips  3 Sep 2024"
INFO = (1, 0, 2, 27, 15)
# 1.1.0g, 1.1.1 or 1.1.0 and later, by CPython 3.9's library reference and its #if's.
MISSING = (
    "minimum_version",
    "maximum_version",
    "post_handshake_auth",
    "keylog_filename",
    "num_tickets",
    "hostname_checks_common_name",
)


class _Missing:
    """Whoever asks for it is told that it's missing, and whoever sets it sets nothing."""

    def __get__(self, instance, owner=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        raise AttributeError

    def __set__(self, instance, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        pass


_built_in = _ssl._SSLContext.__dict__
_minimum, _maximum = _built_in["minimum_version"], _built_in["maximum_version"]
_new = ssl.SSLContext.__new__


def _context(cls, protocol=ssl.PROTOCOL_TLS, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202
    context = _new(cls, protocol, *args, **kwargs)
    # Debian's configuration would forbid what 1.0.2 allows by itself: TLS 1.0, and keys of any length.
    _minimum.__set__(context, int(ssl.TLSVersion.TLSv1))
    _maximum.__set__(context, int(ssl.TLSVersion.TLSv1_2))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


ssl.SSLContext.__new__ = _context  # type: ignore[method-assign]
for _name in MISSING:
    setattr(ssl.SSLContext, _name, _Missing())
for _module in (ssl, _ssl):
    _module.OPENSSL_VERSION = VERSION  # type: ignore[attr-defined]
    _module.OPENSSL_VERSION_INFO = INFO  # type: ignore[attr-defined]
    _module.OPENSSL_VERSION_NUMBER = 0x100021BF  # type: ignore[attr-defined]
    _module.HAS_TLSv1_3 = False  # type: ignore[attr-defined]
ssl.HAS_NEVER_CHECK_COMMON_NAME = False  # type: ignore[misc]
