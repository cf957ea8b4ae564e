"""Signs with OpenSSL's ``libcrypto``, the library that Splunk's Python has loaded for TLS.

The add-on must not contain compiled files, and Python's standard library can't sign. Its extension modules are linked
with ``libcrypto``, whose functions ``ctypes`` can call. Only documented functions are used that OpenSSL 1.0.2, 1.1.1
and 3 have in common. OpenSSL does all arithmetic with the private key, in constant time and with blinding.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from defender_alerts.errors import ConfigurationError

_MODULES = ("_hashlib", "_ssl")
# libeay32 in OpenSSL 1.0.2, which Splunk has up to 9.4; libcrypto since 1.1.0. It is assumed that Splunk
# has the file under this name beside its Python on Windows.
_WINDOWS_NAMES = ("libcrypto*.dll", "libeay32.dll")
_RSA = 6  # NID_rsaEncryption, in every version

_POINTER = ctypes.c_void_p
_POINTER_TO_POINTER = ctypes.POINTER(ctypes.c_void_p)
_POINTER_TO_SIZE = ctypes.POINTER(ctypes.c_size_t)
# Names, result and parameters. If a function was renamed, the first name that exists is used.
_FUNCTIONS = (
    (("d2i_PrivateKey",), _POINTER, (ctypes.c_int, _POINTER, _POINTER_TO_POINTER, ctypes.c_long)),
    (("EVP_PKEY_free",), None, (_POINTER,)),
    (("EVP_MD_CTX_new", "EVP_MD_CTX_create"), _POINTER, ()),
    (("EVP_MD_CTX_free", "EVP_MD_CTX_destroy"), None, (_POINTER,)),
    (("EVP_sha256",), _POINTER, ()),
    (("EVP_DigestSignInit",), ctypes.c_int, (_POINTER, _POINTER_TO_POINTER, _POINTER, _POINTER, _POINTER)),
    (("EVP_PKEY_CTX_ctrl_str",), ctypes.c_int, (_POINTER, ctypes.c_char_p, ctypes.c_char_p)),
    (("EVP_DigestSignUpdate", "EVP_DigestUpdate"), ctypes.c_int, (_POINTER, ctypes.c_char_p, ctypes.c_size_t)),
    (("EVP_DigestSignFinal",), ctypes.c_int, (_POINTER, _POINTER, _POINTER_TO_SIZE)),
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
        key = self._load(pkcs1)
        context = None
        try:
            context = self._there(call["EVP_MD_CTX_new"]())
            options = ctypes.c_void_p()  # belongs to the context
            self._good(call["EVP_DigestSignInit"](context, options, self._there(call["EVP_sha256"]()), None, key))
            for name, value in padding:
                self._good(call["EVP_PKEY_CTX_ctrl_str"](options, name.encode(), value.encode()))
            self._good(call["EVP_DigestSignUpdate"](context, message, len(message)))
            size = ctypes.c_size_t()
            self._good(call["EVP_DigestSignFinal"](context, None, size))
            signature = ctypes.create_string_buffer(size.value)
            self._good(call["EVP_DigestSignFinal"](context, signature, size))
            return signature.raw[: size.value]
        finally:
            if context is not None:
                call["EVP_MD_CTX_free"](context)
            call["EVP_PKEY_free"](key)

    def _load(self, pkcs1: bytes) -> int:
        buffer = ctypes.create_string_buffer(pkcs1, len(pkcs1))
        position = ctypes.c_void_p(ctypes.addressof(buffer))
        try:
            return self._there(self._functions["d2i_PrivateKey"](_RSA, None, position, len(pkcs1)))
        finally:
            ctypes.memset(buffer, 0, len(pkcs1))

    def _there(self, pointer: int | None) -> int:
        if not pointer:
            raise self._failure()
        return pointer

    def _good(self, result: int) -> None:
        if result != 1:
            raise self._failure()

    def _failure(self) -> ConfigurationError:
        """The error with OpenSSL's reason, which contains nothing of the key."""
        reason = ctypes.create_string_buffer(256)
        self._functions["ERR_error_string_n"](self._functions["ERR_get_error"](), reason, len(reason))
        self._functions["ERR_clear_error"]()
        return ConfigurationError(
            "OpenSSL can't sign with the account's private key. Make a new pair of certificate and key for it. OpenSSL "
            f"says: {reason.value.decode('ascii', 'replace')}."
        )


@functools.lru_cache(maxsize=1)
def loaded() -> Libcrypto:
    """Load the ``libcrypto`` of this Python.

    Raises:
        ConfigurationError: it can't be found.
    """
    return first_that_signs(_candidates())


def first_that_signs(libraries: Iterable[str | None]) -> Libcrypto:
    """Load the first of these libraries that has the functions needed to sign.

    Raises:
        ConfigurationError: there is none.
    """
    found = next(filter(None, map(_opened, libraries)), None)
    if found is not None:
        return found
    raise ConfigurationError(
        "The OpenSSL library of Splunk's Python can't be reached, and signing in with a certificate needs it. Use an "
        "account with a client secret on this host, and report its operating system, the version of Splunk, and what "
        'splunk cmd python3.9 -c "import ssl; print(ssl.OPENSSL_VERSION)" prints.'
    )


def windows_libraries(folder: Path) -> list[Path]:
    """The OpenSSL libraries in a Windows folder, under the names of all versions."""
    return [path for name in _WINDOWS_NAMES for path in sorted(folder.glob(name))]


def _opened(library: str | None) -> Libcrypto | None:
    try:
        return Libcrypto(ctypes.CDLL(library))
    except (OSError, AttributeError):
        # Missing or unsuitable: try the next candidate.
        return None


def _candidates() -> Iterator[str | None]:
    """The files that may contain it, as ``ctypes.CDLL`` takes them."""
    for name in _MODULES:
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
