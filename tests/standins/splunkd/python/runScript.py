"""How splunkd starts a REST handler: this script reads the request, then runs the handler as __main__.

A real splunkd does the same with its own runScript.py: `___sessionKey` stands in __main__ before the handler's
first line, and `__file__` is the handler's. The request comes as JSON on stdin, the answer goes to stdout as JSON
(both are the stand-in's own; splunkd's real ones are not documented). Runs on CPython 3.9 and 3.13.
"""

import json
import os
import sys
import traceback


def _run() -> None:
    from splunk import admin

    request = json.load(sys.stdin)
    handler = request["handler"]
    admin.REQUEST.update(request)
    main = sys.modules["__main__"]
    main.__dict__["___sessionKey"] = request["session_key"]
    main.__dict__["__file__"] = handler
    sys.path[0] = os.path.dirname(handler)  # noqa: PTH120 - as Python itself sets it
    sys.argv = [handler, "execute"]
    answer, sys.stdout = sys.stdout, sys.stderr
    with open(handler, "rb") as script:  # noqa: PTH123 - no more imports than needed here
        code = compile(script.read(), handler, "exec", dont_inherit=True)
    try:
        exec(code, main.__dict__)  # noqa: S102 - that is what this script is for
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, splunkd answers 500
        if not isinstance(error, admin.AdminManagerException):
            traceback.print_exc()
        admin.ANSWER.update(admin.describe(error))
    json.dump(admin.ANSWER, answer)
    answer.flush()


if __name__ == "__main__":
    _run()
