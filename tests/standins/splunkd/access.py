"""Who may do what: users, their session keys, and the access lists of metadata/*.meta.

Sources: Splunk REST API User Manual "Authentication" (session keys), Splunk Admin Manual
"default.meta.conf" (most specific stanza wins, local.meta over default.meta). That admin and
sc_admin pass every list (they hold admin_all_objects) is documented for admin, assumed for sc_admin.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from standins.splunkd import conf
from standins.splunkd.answers import Refusal

ADMINISTRATORS = frozenset({"admin", "sc_admin", "splunk-system-role"})
SYSTEM_USER = "splunk-system-user"
_JWT_DOTS = 2
_ADMINISTRATORS_OWN = ("admin_all_objects", "list_storage_passwords")


@dataclass(frozen=True)
class User:
    """A Splunk user with roles; a password only for those who can log in."""

    name: str
    roles: frozenset[str]
    password: str | None = None

    @property
    def is_administrator(self) -> bool:
        """Whether the user holds admin_all_objects."""
        return bool(self.roles & ADMINISTRATORS)

    @property
    def capabilities(self) -> list[str]:
        """Some of what the roles bring (authorize.conf.spec); edit_modinput_ and many others are left out."""
        return sorted({"list_inputs", "search", *(_ADMINISTRATORS_OWN if self.is_administrator else ())})

    def require(self, capability: str) -> None:
        """Refuse, as splunkd words it, a user who isn't an administrator."""
        if not self.is_administrator:
            raise Refusal(
                403,
                f"You (user={self.name}) do not have permission to perform this operation "
                f"(requires capability: {capability}).",
            )


USERS = {
    user.name: user
    for user in (
        User("admin", frozenset({"admin"}), "changed-already"),
        User("sc_admin", frozenset({"sc_admin"}), "changed-already"),
        User("analyst", frozenset({"user"}), "analyst-password"),
        User(SYSTEM_USER, frozenset({"splunk-system-role"})),
    )
}


class Sessions:
    """Session keys and until when they hold; `timeout` seconds is server.conf's sessionTimeout, for new keys."""

    def __init__(self) -> None:
        self.timeout = 3600.0
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[User, float]] = {}

    def open(self, user: str) -> str:
        """A new key for the user."""
        key = secrets.token_urlsafe(96)
        with self._lock:
            self._keys[key] = (USERS[user], time.monotonic() + self.timeout)
        return key

    def log_in(self, name: str, password: str) -> str:
        """A key for a name and password; refused as auth/login refuses."""
        user = USERS.get(name)
        if user is None or user.password is None or not secrets.compare_digest(user.password, password):
            raise Refusal(401, "Login failed", "WARN")
        return self.open(name)

    def user(self, authorization: str | None) -> User:
        """Whose the Authorization header is ("Splunk <key>" or "Bearer <key>"), else 401."""
        scheme, _, key = (authorization or "").partition(" ")
        with self._lock:
            user, until = self._keys.get(key, (None, 0.0))
        # That an authentication token (a JWT) is refused as a session key is assumed; documented is Bearer.
        schemes = {"Bearer"} if key.startswith("eyJ") and key.count(".") == _JWT_DOTS else {"Splunk", "Bearer"}
        if user is None or scheme not in schemes or time.monotonic() > until:
            raise Refusal(401, "call not properly authenticated", "WARN")
        return user

    def expire(self) -> None:
        """Every key that is out there is worthless from now on."""
        with self._lock:
            self._keys.clear()


_LIST = re.compile(r"(read|write)\s*:\s*\[([^\]]*)\]")


@dataclass(frozen=True)
class Permissions:
    """Roles that may read and write one object; "*" is everybody."""

    read: frozenset[str]
    write: frozenset[str]

    def as_acl(self) -> dict[str, list[str]]:
        """As eai:acl shows it."""
        return {"read": sorted(self.read), "write": sorted(self.write)}


_DEFAULT = {"read": frozenset({"*"}), "write": frozenset({"admin"})}


class Metadata:
    """The access lists of all apps below one SPLUNK_HOME, read anew at each question."""

    def __init__(self, home: Path) -> None:
        self._apps = home / "etc" / "apps"

    def _stanzas(self, app: str) -> conf.Stanzas:
        layers = [
            conf.parse(path.read_text(encoding="utf-8"))
            for name in ("default.meta", "local.meta")
            if (path := self._apps / app / "metadata" / name).is_file()
        ]
        return {unquote(name): settings for name, settings in conf.merged(*layers).items()}

    def permissions(self, app: str, kind: str, name: str | None = None) -> Permissions:
        """Lists for an object such as ("collections", "x") or ("my_conf", "my_stanza")."""
        stanzas = self._stanzas(app)
        found = dict(_DEFAULT)
        for stanza in ("", kind, f"{kind}/{name}"):
            for verb, roles in _LIST.findall(stanzas.get(stanza, {}).get("access", "")):
                found[verb] = frozenset(role.strip() for role in roles.split(",") if role.strip())
        return Permissions(**found)

    def may(self, user: User, verb: str, app: str, kind: str, name: str | None = None) -> bool:
        """Whether the user may "read" or "write" the object."""
        permissions = self.permissions(app, kind, name)
        roles = permissions.read if verb == "read" else permissions.write
        return user.is_administrator or "*" in roles or bool(user.roles & roles)

    def require_write(self, user: User, app: str, kind: str, name: str | None = None) -> None:
        """403, as splunkd words it, for a user who may not write."""
        if not self.may(user, "write", app, kind, name):
            lists = self.permissions(app, kind, name).as_acl()
            raise Refusal(
                403,
                f"User '{user.name}' with roles {{ {', '.join(sorted(user.roles))} }} cannot write: "
                f"/nobody/{app}/{kind}/{name} {lists}, export: global, owner: nobody, removable: no",
            )
