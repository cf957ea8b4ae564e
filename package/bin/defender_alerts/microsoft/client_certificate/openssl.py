"""Signs with OpenSSL's ``libcrypto``, the library that Splunk's Python has loaded for TLS.

The add-on must not contain compiled files, and Python's standard library can't sign. Its extension modules are linked
with ``libcrypto``, whose functions ``ctypes`` can call. Only documented functions are used that OpenSSL 1.0.2, 1.1.1
and 3 have in common. OpenSSL does all arithmetic with the private key, in constant time and with blinding.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from defender_alerts.errors import ConfigurationError

# libeay32 in OpenSSL 1.0.2, which Splunk has up to 9.4; libcrypto since 1.1.0. It is assumed that Splunk
# has the file under this name beside its Python on Windows.
_WINDOWS_NAMES = ("libcrypto*.dll", "libeay32.dll")
_RSA = 6  # NID_rsaEncryption, in every version

_POINTER = ctypes.c_void_p
_POINTER_TO_POINTER = ctypes.POINTER(ctypes.c_void_p)
# Names, result and parameters. If a function was renamed, the first name that exists is used.
_FUNCTIONS = (
    (("d2i_PrivateKey",), _POINTER, (ctypes.c_int, _POINTER, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long)),
    (("EVP_PKEY_free",), None, (_POINTER,)),
    (("EVP_MD_CTX_new", "EVP_MD_CTX_create"), _POINTER, ()),
    (("EVP_MD_CTX_free", "EVP_MD_CTX_destroy"), None, (_POINTER,)),
    (("EVP_sha256",), _POINTER, ()),
    (("EVP_DigestSignInit",), ctypes.c_int, (_POINTER, _POINTER_TO_POINTER, _POINTER, _POINTER, _POINTER)),
    (("EVP_PKEY_CTX_ctrl_str",), ctypes.c_int, (_POINTER, ctypes.c_char_p, ctypes.c_char_p)),
    (("EVP_DigestSignUpdate", "EVP_DigestUpdate"), ctypes.c_int, (_POINTER, ctypes.c_char_p, ctypes.c_size_t)),
    (("EVP_DigestSignFinal",), ctypes.c_int, (_POINTER, _POINTER, ctypes.POINTER(ctypes.c_size_t))),
    (("ERR_get_error",), ctypes.c_ulong, ()),
    (("ERR_error_string_n",), None, (ctypes.c_ulong, ctypes.c_char_p, ctypes.c_size_t)),
    (("ERR_clear_error",), None, ()),
)

PSS = (("rsa_padding_mode", "pss"), ("rsa_pss_saltlen", "32"))
"""RSASSA-PSS with a salt as long as the SHA-256 digest: PS256 (RFC 7518, 3.5)."""
PKCS1 = (("rsa_padding_mode", "pkcs1"),)
"""RSASSA-PKCS1-v1_5: RS256 (RFC 7518, 3.3)."""


class Libcrypto:
    """The functions of a ``libcrypto`` that are needed to sign.

    Args:
        library: the loaded library.

    Raises:
        AttributeError: the library lacks one of them.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._functions: dict[str, Any] = {}
        for names, result, parameters in _FUNCTIONS:
            found = next((name for name in names if hasattr(library, name)), names[0])
            function = getattr(library, found)
            function.restype, function.argtypes = result, parameters
            self._functions[names[0]] = function

    def sign(self, pkcs1: bytes, message: bytes, padding: Iterable[tuple[str, str]]) -> bytes:
        """Sign the SHA-256 digest of a message.

        Args:
            pkcs1: the private key.
            message: to sign.
            padding: ``PSS`` or ``PKCS1``.

        Raises:
            ConfigurationError: OpenSSL refuses the key.
        """
        call = self._functions
        call["ERR_clear_error"]()
        key = self._done(call["d2i_PrivateKey"](_RSA, None, ctypes.c_char_p(pkcs1), len(pkcs1)))
        context = self._done(call["EVP_MD_CTX_new"]())
        try:
            options = ctypes.c_void_p()  # belongs to the context
            self._done(call["EVP_DigestSignInit"](context, options, call["EVP_sha256"](), None, key))
            for name, value in padding:
                self._done(call["EVP_PKEY_CTX_ctrl_str"](options, name.encode(), value.encode()))
            self._done(call["EVP_DigestSignUpdate"](context, message, len(message)))
            size = ctypes.c_size_t()
            self._done(call["EVP_DigestSignFinal"](context, None, size))
            signature = ctypes.create_string_buffer(size.value)
            self._done(call["EVP_DigestSignFinal"](context, signature, size))
            return signature.raw[: size.value]
        finally:
            call["EVP_MD_CTX_free"](context)
            call["EVP_PKEY_free"](key)

    def _done(self, result: int | None) -> int:
        """The result of a function that returns a pointer, or 1 for success.

        Raises:
            ConfigurationError: it has failed; with OpenSSL's reason, which contains nothing of the key.
        """
        if result is not None and result > 0:
            return result
        reason = ctypes.create_string_buffer(256)
        self._functions["ERR_error_string_n"](self._functions["ERR_get_error"](), reason, len(reason))
        self._functions["ERR_clear_error"]()
        raise ConfigurationError(
            "OpenSSL can't sign with the account's private key. Make a new pair of certificate and key for it. OpenSSL "
            f"says: {reason.value.decode('ascii', 'replace')}."
        )


def load(libraries: Iterable[str | None] | None = None) -> Libcrypto:
    """Load the first of these libraries that has the functions needed to sign; by default, that of this Python.

    Raises:
        ConfigurationError: there is none.
    """
    for library in _candidates() if libraries is None else libraries:
        try:
            return Libcrypto(ctypes.CDLL(library))
        except (OSError, AttributeError):  # noqa: PERF203 - missing or unsuitable: the next one may be the right one
            continue
    raise ConfigurationError(
        "The OpenSSL library of Splunk's Python can't be reached, and signing in with a certificate needs it. Use an "
        "account with a client secret on this host, and report its operating system, the version of Splunk, and what "
        'splunk cmd python3.9 -c "import ssl; print(ssl.OPENSSL_VERSION)" prints.'
    )


def windows_libraries(folder: Path) -> list[Path]:
    """The OpenSSL libraries in a Windows folder, under the names of all versions."""
    return [path for name in _WINDOWS_NAMES for path in sorted(folder.glob(name))]


def _candidates() -> Iterator[str | None]:
    """The files that may contain it, as ``ctypes.CDLL`` takes them."""
    for name in ("_hashlib", "_ssl"):
        try:
            file = getattr(importlib.import_module(name), "__file__", None)
        except ImportError:
            # This Python lacks the module; the next one may help.
            continue
        if os.name == "nt":
            # A DLL only exports its own functions; OpenSSL's DLL is in the same folder or in that of the program.
            folders = {Path(file).parent if file else Path(sys.executable).parent, Path(sys.executable).parent}
            yield from (str(path) for folder in sorted(folders) for path in windows_libraries(folder))
        else:
            # A shared object also exports the functions of the libraries that it is linked with.
            # A module that is built into the program has no file; None stands for the program itself.
            yield file
