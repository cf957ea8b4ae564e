"""Python imports this before the script: afterwards 169.254.169.254 is a stand-in, as it is the host's on Azure."""

import os
import socket

_HOST, _PORT = os.environ["STANDIN_OF_IMDS"].split(":")
_connect = socket.socket.connect


def _routed(self, address):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return _connect(self, (_HOST, int(_PORT)) if address == ("169.254.169.254", 80) else address)


socket.socket.connect = _routed  # type: ignore[method-assign]
