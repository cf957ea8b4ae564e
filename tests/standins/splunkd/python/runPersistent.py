"""How splunkd runs a persistent REST handler: this script imports it by its file, and hands over one request.

The request comes as JSON on stdin, the answer goes to stdout as JSON. On a real splunkd the process stays and gets one
request after the other, by a protocol that is not documented. Runs on CPython 3.9 and 3.13.
"""

import importlib.util
import json
import sys


def _run(script: str, module: str, name: str) -> None:
    request = sys.stdin.read()
    answer, sys.stdout = sys.stdout, sys.stderr
    # The handler's own folder is not on the path.
    spec = importlib.util.spec_from_file_location(module, script)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    handler = getattr(loaded, name)(f"{sys.executable} {script}", "")
    json.dump(handler.handle(request), answer)
    answer.flush()


if __name__ == "__main__":
    _run(*sys.argv[1:])
