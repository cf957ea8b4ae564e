"""splunk.admin: what a REST handler (restmap.conf's admin_external) is built on.

`REQUEST` is filled in by runScript.py, `ANSWER` is what it hands back to splunkd. Names of the public members are
Splunk's; the sentences of the refusals are those that splunkd gives.
"""

from __future__ import annotations

from typing import Any

import splunk

ACTION_CREATE = 1
ACTION_LIST = 2
ACTION_EDIT = 4
ACTION_REMOVE = 8
ACTION_RELOAD = 32

CONTEXT_NONE = 1
CONTEXT_APP_ONLY = 2

EAI_ENTRY_ACL = "eai:acl"

REQUEST: dict[str, Any] = {}
ANSWER: dict[str, Any] = {"status": 200, "entries": [], "messages": []}

_ACTIONS = {
    "create": (ACTION_CREATE, "handleCreate"),
    "list": (ACTION_LIST, "handleList"),
    "edit": (ACTION_EDIT, "handleEdit"),
    "remove": (ACTION_REMOVE, "handleRemove"),
    "_reload": (ACTION_RELOAD, "handleReload"),
}


class AdminManagerException(Exception):  # noqa: N818 - Splunk's name
    """Base of the refusals that a handler may raise; splunkd answers 500 for others."""

    status = 500


class ArgValidationException(AdminManagerException):
    """An argument is missing, unknown or wrong."""

    status = 400


class BadActionException(AdminManagerException):
    """The handler can't do that."""

    status = 405


class SupportedArgs:
    """What setup() declares."""

    def __init__(self) -> None:
        self.required: list[str] = []
        self.optional: list[str] = []

    def addReqArg(self, name: str) -> None:
        self.required.append(name)

    def addOptArg(self, name: str) -> None:
        self.optional.append(name)


class CallerArgs:
    """What the caller sent: `id` is the object's name, `data` has a list of values per argument."""

    def __init__(self, name: str | None, data: dict[str, list[str]]) -> None:
        self.id = name
        self.data = data

    def get(self, name: str, default: Any = None) -> Any:
        return self.data.get(name, default)

    def __getitem__(self, name: str) -> list[str]:
        return self.data[name]

    def __contains__(self, name: str) -> bool:
        return name in self.data


class ConfItem(dict):  # type: ignore[type-arg]
    """One object of the answer: its settings and its metadata (eai:acl and others)."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, Any] = {}

    def setMetadata(self, name: str, value: Any) -> None:
        self.metadata[name] = value


class ConfInfo(dict):  # type: ignore[type-arg]
    """The answer: objects by name, made by asking for them, and messages to whoever asked."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, str]] = []

    def __missing__(self, name: str) -> ConfItem:
        item = self[name] = ConfItem()
        return item

    def addWarnMsg(self, msg: str) -> None:
        self.messages.append({"text": msg, "type": "WARN"})


class MConfigHandler:
    """Base class of every handler."""

    def __init__(self, scriptMode: str, ctxInfo: int, request: dict[str, Any]) -> None:
        self.scriptMode = scriptMode
        self.context = ctxInfo
        self.userName = request["user"]
        self.appName = request["app"]
        self.requestedAction = _ACTIONS[request["action"]][0]
        self.callerArgs = CallerArgs(request["name"], dict(request["arguments"]))
        self.supportedArgs = SupportedArgs()
        self._sessionKey = request["session_key"]

    def getSessionKey(self) -> str:
        return str(self._sessionKey)

    def setup(self) -> None:
        """Declare arguments; a handler overrides it."""

    def handleReload(self, confInfo: ConfInfo) -> None:
        """Nothing to read anew."""


def _check_arguments(handler: MConfigHandler) -> None:
    given = handler.callerArgs.data
    supported = handler.supportedArgs
    missing = [name for name in supported.required if not any(given.get(name) or [])]
    if missing:
        names = ", ".join(missing)
        raise ArgValidationException(f"The following required arguments are missing: {names}.")
    for name in given:
        if name not in supported.required and name not in supported.optional:
            raise ArgValidationException(f'Argument "{name}" is not supported by this handler.')


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as splunkd answers it.

    The sentence for exceptions that splunkd doesn't know is the one that UCC's pages take apart.
    """
    if isinstance(error, AdminManagerException):
        return {"status": error.status, "message": str(error)}
    if isinstance(error, splunk.RESTException):
        return {"status": error.statusCode, "message": str(error)}
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return {
        "status": 500,
        "message": f'Unexpected error "<class \'{kind}\'>" from python handler: "{error}". '
        "See splunkd.log/python.log for more details.",
    }


def init(handlerClass: Any, ctxInfo: int = CONTEXT_NONE) -> None:
    """Run the handler for the one request there is."""
    handler = handlerClass("setup", ctxInfo, REQUEST)
    handler.setup()
    _check_arguments(handler)
    info = ConfInfo()
    handler = handlerClass("execute", ctxInfo, REQUEST)
    handler.setup()
    method = getattr(handler, _ACTIONS[REQUEST["action"]][1], None)
    if method is None:
        raise BadActionException(f"The handler does not support the action {REQUEST['action']}.")
    method(info)
    ANSWER["entries"] = [
        {"name": name, "content": dict(item), "metadata": item.metadata} for name, item in info.items()
    ]
    ANSWER["messages"] = info.messages
