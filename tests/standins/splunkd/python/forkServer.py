"""Starts Splunk's Python once, and forks it for each script: most of a script's time goes into the same imports.

A real splunkd keeps the processes of REST handlers, imports and all. Here each call has a process of its own still,
which begins where what earlier ones have imported is there already. Files that stand in a folder bin itself are not
among it: they are what is called, and what they do when they are imported is done each time. Runs on CPython 3.9 and
3.13.

It is called with the number of a socket. On that come the arguments of a script as JSON, with four open files: its
standard input, output and error, and where its process id and its exit status are written to, a line each.
"""

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import sys
import types
import typing

_MOST = 65_536


def _learn(lessons: socket.socket) -> None:
    """Import what the scripts up to now have imported."""
    while True:
        try:
            folders, names = json.loads(lessons.recv(_MOST))
        except BlockingIOError:
            return
        path, sys.path[:] = list(sys.path), folders
        for name in names:
            # What can't be imported by itself is left to those who can.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        sys.path[:] = path
        gc.freeze()


def _teach(lessons: socket.socket, known: "set[str]") -> None:
    """Tell what this script has imported, and where it looked for it."""
    found = [
        name
        for name, module in list(sys.modules.items())
        if name not in known and not os.path.dirname(getattr(module, "__file__", None) or "").endswith("/bin")  # noqa: PTH120
    ]
    with contextlib.suppress(OSError):
        lessons.send(json.dumps([sys.path, found]).encode())


def _teach_at_the_end(lessons: socket.socket, known: "set[str]") -> None:
    """However the script ends, by os._exit as well."""
    leave = os._exit

    def teach_and_leave(status: int) -> "typing.NoReturn":
        _teach(lessons, known)
        leave(status)

    atexit.register(_teach, lessons, known)
    os._exit = teach_and_leave


def _next(channel: socket.socket, lessons: socket.socket) -> "tuple[list[str], list[int]]":
    """Give the arguments and files of the script that the process is to be, which is a new one for each."""
    while True:
        files = array.array("i")
        message, ancillary, _, _ = channel.recvmsg(_MOST, socket.CMSG_LEN(4 * files.itemsize))
        if not message:
            os._exit(0)
        for _, _, sent in ancillary:
            files.frombytes(sent)
        _learn(lessons)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            return json.loads(message), list(files)
        for descriptor in files:
            os.close(descriptor)


def _be(arguments: "list[str]", files: "list[int]", pupil: socket.socket) -> None:
    *standard, told = files
    os.setsid()
    child = os.fork()
    if child:
        os.write(told, b"%d\n" % child)
        for descriptor in standard:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
    for descriptor in files:
        os.close(descriptor)
    _teach_at_the_end(pupil, set(sys.modules))
    script = arguments[0]
    sys.argv = arguments
    sys.path[0] = os.path.dirname(script)  # noqa: PTH120 - as Python itself sets it
    main = types.ModuleType("__main__")
    main.__file__ = script
    sys.modules["__main__"] = main
    with open(script, "rb") as text:  # noqa: PTH123 - no more imports than needed here
        code = compile(text.read(), script, "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102 - that is what this script is for


if __name__ == "__main__":
    _channel = socket.socket(fileno=int(sys.argv[1]))
    _lessons, _pupil = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    _lessons.settimeout(0)
    _pupil.settimeout(0)
    _arguments, _files = _next(_channel, _lessons)
    _channel.close()
    _lessons.close()
    _be(_arguments, _files, _pupil)
