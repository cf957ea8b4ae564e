"""What a run makes in a Splunk: an index, the way to the stand-in cloud, accounts and inputs, through the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from defender_alerts.input_kinds import KINDS
from defender_alerts.settings import is_true
from defender_alerts.splunk.names import APP, SETTINGS_CONF
from standins.microsoft.directory import Application, Tenant

from acceptance.notes import Note, Notes
from acceptance.rest import OURS, Splunk, element
from acceptance.scene import Input, Scene

ACCOUNTS = f"{OURS}/{APP}_account"
PROXY, NETWORK = f"{OURS}/{APP}_settings/proxy", f"{OURS}/{APP}_settings/network"
_SETTINGS = f"{OURS}/configs/conf-{SETTINGS_CONF}"
"""Where settings are taken back: the page takes no proxy without an address, so it can't be emptied there."""
INDEXES = "services/data/indexes"
APPS = "services/apps/local"
INSTALLED = f"{APPS}/{element(APP)}"
_PROXY_FIELDS = ("proxy_enabled", "proxy_type", "proxy_url", "proxy_port", "proxy_username", "proxy_rdns")
_TYPES = {"proxy_enabled": "0", "proxy_type": "http", "proxy_rdns": "0"}


class RefusedError(Exception):
    """The program must not be run on this Splunk as it is; the sentence says why, and what to do."""


@dataclass(frozen=True)
class Step:
    """One thing to be made.

    Attributes:
        note: what is noted before.
        path: to which the form is posted; "" where nothing is made by this step itself.
        form: the fields that a page sends.
    """

    note: Note
    path: str = ""
    form: Mapping[str, str] | None = None


def own_things(splunk: Splunk) -> list[str]:
    """What the add-on has of its own, a few words each; nothing may be changed where there is anything.

    Raises:
        SplunkError: Splunk doesn't say.
    """
    found = []
    if splunk.names(ACCOUNTS):
        found.append("an account")
    if any(splunk.names(inputs_of(kind)) for kind in KINDS):
        found.append("an input")
    proxy, network = splunk.content(PROXY), splunk.content(NETWORK)
    if is_true(proxy.get("proxy_enabled")) or proxy.get("proxy_url") or proxy.get("proxy_username"):
        found.append("a proxy")
    if network.get("ca_bundle"):
        found.append("CA certificates")
    return found


def refuse_if_in_use(splunk: Splunk) -> None:
    """Refuse where the add-on is set up.

    Raises:
        RefusedError: it is.
        SplunkError: Splunk doesn't say.
    """
    found = own_things(splunk)
    if found:
        raise RefusedError(
            f"The add-on of this Splunk has {' and '.join(found)} of its own. The acceptance run leads all its traffic "
            "to a stand-in cloud, so it needs a Splunk on which the add-on is not set up. Nothing was changed."
        )


def is_installed(splunk: Splunk, path: str) -> bool:
    """Whether the add-on is there; if not, it has to be said where its tarball is.

    Raises:
        RefusedError: it is not there, and there is no path.
        SplunkError: Splunk doesn't say.
    """
    if splunk.has(INSTALLED):
        return True
    if path:
        return False
    raise RefusedError(
        f"{APP} is not installed on this Splunk. Install it, or give --app the path of its tarball on that server."
    )


def install(splunk: Splunk, notes: Notes, path: str, restart: Callable[[], None]) -> None:
    """Install the add-on from a path that the server can read, and restart Splunk where it does not know its pages yet.

    Raises:
        SplunkError: Splunk can't install it.
    """
    notes.add(Note("the add-on", "delete", INSTALLED))
    # REST API Reference, apps/local: the name is then a path or an address, from which it is installed.
    splunk.post(APPS, {"name": path, "filename": "true"})
    if not splunk.has(ACCOUNTS):
        restart()


def steps(scene: Scene, splunk: Splunk, address: tuple[str, int], *, makes_index: bool) -> Iterator[Step]:
    """Everything that is made before the inputs, in order.

    Args:
        scene: what is shown.
        splunk: where; it is only read.
        address: of the stand-in's proxy, as Splunk reaches it.
        makes_index: whether the index is to be made.

    Raises:
        SplunkError: Splunk can't be read.
    """
    if makes_index:
        note = Note("the index", "delete", f"{INDEXES}/{element(scene.index)}")
        yield Step(note, INDEXES, {"name": scene.index})
    network = splunk.content(NETWORK)
    before = {"ca_bundle": "", "request_timeout": str(network.get("request_timeout") or "")}
    wanted = {**before, "ca_bundle": scene.cloud.ca_pem}
    yield Step(Note("the CA certificates", "post", f"{_SETTINGS}/network", before), NETWORK, wanted)
    proxy = splunk.content(PROXY)
    before = {name: str(proxy.get(name) or _TYPES.get(name, "")) for name in _PROXY_FIELDS}
    host, port = address
    wanted = {**before, "proxy_enabled": "1", "proxy_type": "http", "proxy_url": host, "proxy_port": str(port)}
    yield Step(Note("the proxy", "post", f"{_SETTINGS}/proxy", before), PROXY, wanted)
    yield Step(Note("checkpoints of the inputs", "documents", scene.tag))
    yield account_step(scene, scene.by_secret)
    pair = {"auth_type": "certificate", "certificate": scene.pair.pem, "private_key": scene.pair.key_pem}
    yield _account_step(scene.by_certificate, scene.other, scene.certified, pair)


def account_step(scene: Scene, name: str) -> Step:
    """An account with a client secret."""
    secret = {"auth_type": "client_secret", "client_secret": scene.application.secrets[0].value}
    return _account_step(name, scene.tenant, scene.application, secret)


def _account_step(name: str, tenant: Tenant, application: Application, credential: Mapping[str, str]) -> Step:
    form = {"cloud": tenant.cloud, "tenant_id": tenant.guid, "client_id": application.client_id, "skip_check": "0"}
    return Step(
        Note(f"the account {name}", "delete", f"{ACCOUNTS}/{name}"), ACCOUNTS, {"name": name, **form, **credential}
    )


def input_step(this: Input, *, interval: int, index: str) -> Step:
    """An input of the scene's."""
    common = {"account": this.account, "index": index, "start_time": "-7d", "overlap": "600"}
    path = inputs_of(this.kind)
    note = Note(f"the input {this.name}", "delete", f"{path}/{this.name}")
    return Step(note, path, {"name": this.name, "interval": str(interval), **common, **this.own})


def inputs_of(kind: str) -> str:
    """Where the page lists the inputs of a kind."""
    return f"{OURS}/{APP}_{kind}"


def make(step: Step, splunk: Splunk, notes: Notes, say: Callable[[str], None]) -> None:
    """Note a thing, then make it.

    Raises:
        NotesError: it can't be noted, so it is not made.
        SplunkError: Splunk refuses it.
    """
    notes.add(step.note)
    if step.form is not None:
        say(f"making {step.note.what}")
        splunk.post(step.path, step.form)


def switch(splunk: Splunk, this: Input, *, enabled: bool) -> None:
    """Enable or disable an input, as the page does it.

    Raises:
        SplunkError: Splunk refuses it.
    """
    splunk.post(f"{inputs_of(this.kind)}/{this.name}", {"disabled": "0" if enabled else "1"})
