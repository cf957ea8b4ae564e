"""storage/passwords: passwords.conf with values encrypted by a key in etc/auth.

Sources: Splunk REST API Reference "storage/passwords" (names are "realm:username:", colons inside escaped
by a backslash; clear_password for who may list passwords). The cipher is Fernet instead of Splunk's own.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from standins.splunkd.answers import Entry, Refusal
from standins.splunkd.conf import ConfFiles

_MARK = "$7$"


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace(":", "\\:")


def entity_name(realm: str, user: str) -> str:
    """The name under which a credential is addressed."""
    return f"{_escaped(realm)}:{_escaped(user)}:"


class Passwords:
    """Credentials of one instance. The caller has checked that the user may list or change them."""

    def __init__(self, home: Path, conf: ConfFiles) -> None:
        self._conf = conf
        self.undecipherable = "missing"
        secret = home / "etc" / "auth" / "splunk.secret"
        if not secret.exists():
            secret.write_bytes(Fernet.generate_key())
            secret.chmod(0o600)
        self._cipher = Fernet(secret.read_bytes())

    def _stanza(self, name: str) -> str:
        return f"credential:{name}"

    def entries(self, app: str, path: str) -> list[Entry]:
        """Every credential of an app, decrypted."""
        result = []
        for stanza, settings in self._conf.of_app("passwords", app).items():
            if not stanza.startswith("credential:"):
                continue
            name = stanza[len("credential:") :]
            encrypted = settings["password"]
            content: dict[str, str] = {
                **self._clear(encrypted),
                "encr_password": encrypted,
                "password": "********",
                "realm": settings["realm"],
                "username": settings["username"],
            }
            result.append(Entry(name, path, content, app))
        return result

    def _clear(self, encrypted: str) -> dict[str, str]:
        """What is said of the clear text.

        Of what was encrypted with another splunk.secret, other add-ons have met each of these: no such member
        (solnlib#311, "missing"), "empty", the "encrypted" text as it stands, and "garbage". When which, is not known.
        """
        try:
            return {"clear_password": self._cipher.decrypt(encrypted[len(_MARK) :].encode()).decode()}
        except InvalidToken:
            shapes = {
                "missing": {},
                "empty": {"clear_password": ""},
                "encrypted": {"clear_password": encrypted},
                "garbage": {"clear_password": "\ufffd\u00e9{"},
            }
            return shapes[self.undecipherable]

    def change_secret(self, undecipherable: str) -> None:
        """Another splunk.secret from now on, as where the conf files have come from another host."""
        self._cipher = Fernet(Fernet.generate_key())
        self.undecipherable = undecipherable

    def create(self, app: str, realm: str, user: str, password: str) -> str:
        """Store a new credential; 409 where there is one. Returns its name."""
        name = entity_name(realm, user)
        if self._stanza(name) in self._conf.of_app("passwords", app):
            raise Refusal(409, f"An object with name={name} already exists")
        self._write(app, name, password, {"realm": realm, "username": user})
        return name

    def _write(self, app: str, name: str, password: str, settings: dict[str, str]) -> None:
        encrypted = _MARK + self._cipher.encrypt(password.encode()).decode()
        self._conf.write("passwords", app, self._stanza(name), {**settings, "password": encrypted})

    def _require(self, app: str, name: str) -> None:
        if self._stanza(name) not in self._conf.of_app("passwords", app):
            raise Refusal(404, f"Could not find object id={name}")

    def update(self, app: str, name: str, password: str) -> None:
        """Another password for a credential; 404 where there is none."""
        self._require(app, name)
        self._write(app, name, password, {})

    def remove(self, app: str, name: str) -> None:
        """The credential is gone; 404 where there is none."""
        self._require(app, name)
        self._conf.remove("passwords", app, self._stanza(name))
