"""`./build.sh accept --tenant`: asks a real tenant what Microsoft's documents leave open, and changes nothing in it."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import os
import platform
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from defender_alerts.errors import AddonError, ConfigurationError, StoppedError
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import DIRECT, FEDERATED, MANAGED_IDENTITY, Account, read_account
from defender_alerts.microsoft.network import IdentityServices, Network, read_ca_bundle, read_proxy
from defender_alerts.microsoft.transport.client import Stop

from acceptance.checks import Answer, Verdict
from acceptance.report import Report
from acceptance.tenant_calls import RefusedError, Tenant, reason
from acceptance.tenant_checks import Question, table
from tooling import paths

_TIMEOUT = 60.0
_NAME = "acceptance"
_NO_PAGE = f" Correct the account {_NAME} under Configuration > Accounts."
"""What the add-on's own sentences add, and does not hold here."""
ENVIRONMENT = {
    "tenant": "ACCEPT_TENANT",
    "client_id": "ACCEPT_CLIENT_ID",
    "client_secret": "ACCEPT_CLIENT_SECRET",
    "proxy_password": "ACCEPT_PROXY_PASSWORD",
}
"""Which variable of the environment says what; a secret is never an option, since options are seen by all."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="./build.sh accept",
        allow_abbrev=False,
        description="Ask a real tenant what Microsoft's documents leave open. Nothing in it is changed, and no alert's "
        "content, id or tenant id is in the report.",
        epilog=f"What is not given is taken from the environment ({', '.join(ENVIRONMENT.values())}) or asked for.",
    )
    options.add_argument("--tenant", nargs="?", const="", metavar="ID", help="the tenant's id or domain")
    options.add_argument("--client-id", default="", help="the application's id")
    options.add_argument("--cloud", choices=[cloud.name for cloud in clouds.CLOUDS], default="commercial")
    options.add_argument("--certificate", type=Path, help="a PEM file with the certificate, in place of a secret")
    options.add_argument("--private-key", type=Path, help="a PEM file with its key, without a passphrase")
    options.add_argument(
        "--managed-identity",
        nargs="?",
        const="",
        metavar="ID",
        help="sign in with this machine's identity, by its client id if it is a user-assigned one; with --client-id it "
        "vouches for that application",
    )
    options.add_argument("--proxy", default="", metavar="URL", help="http://, https:// or socks5://[USER@]HOST:PORT")
    options.add_argument("--ca", default="", metavar="FILE", help="a PEM file with further certificate authorities")
    options.add_argument(
        "--watch", type=float, default=5.0, metavar="MINUTES", help="how long to look at what is new (5; 0: not at all)"
    )
    options.add_argument("--only", default="", metavar="NAME,NAME", help="ask these questions alone")
    options.add_argument(
        "--report",
        type=Path,
        default=paths.OUTPUT / "acceptance-tenant",
        metavar="PATH",
        help="where the report goes, with .txt and .json after it (output/acceptance-tenant)",
    )
    return options


@dataclass(frozen=True)
class Console:
    """What the program reads and shows, and how it waits; a test has its own.

    Attributes:
        ask: for a text, by a question.
        ask_secret: the same, unseen.
        tell: shows a line that may hold ids.
        show: shows the report.
        stop: ends every wait.
        monotonic: seconds that never jump.
        identity_services: of this machine.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    ask: Callable[[str], str] = input
    ask_secret: Callable[[str], str] = getpass.getpass
    tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    show: Callable[[str], None] = print
    stop: Stop = field(default_factory=threading.Event)
    monotonic: Callable[[], float] = time.monotonic
    identity_services: IdentityServices = field(default_factory=IdentityServices)


def main(arguments: Sequence[str], console: Console = Console()) -> int:
    """Ask a tenant.

    Returns:
        The exit status: 0 all well, 1 something is not as the add-on assumes, 2 it could not be asked.
    """
    options = parser()
    given = options.parse_args(arguments)
    if (given.certificate is None) != (given.private_key is None):
        options.error("--certificate and --private-key go together")
    wanted = set(filter(None, given.only.split(",")))
    questions = [question for question in table() if not wanted or question.check.name in wanted]
    if len(questions) < len(wanted):
        options.error(f"--only: the questions are {', '.join(question.check.name for question in table())}")
    try:
        account = _account(given, console)
        network = _network(given, console)
    except EOFError:
        console.tell(f"Nobody is there to be asked. Set {', '.join(ENVIRONMENT.values())} in the environment.")
        return 2
    except (ConfigurationError, OSError, ValueError) as error:
        console.tell(str(error).replace(_NO_PAGE, ""))
        return 2
    tenant = Tenant(account, network, 60 * given.watch, console.tell, console.stop, console.monotonic)
    hidden = {
        account.tenant_id: "<tenant>",
        account.client_id: "<application>",
        account.identity_client_id: "<identity>",
    }
    report = ask(tenant, questions).without(hidden)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    for ending, text in (("txt", report.for_people()), ("json", report.as_json())):
        Path(f"{given.report}.{ending}").write_text(text, encoding="utf-8")
    console.show(report.for_people())
    console.tell(f"The report is in {given.report}.txt and {given.report}.json; it is safe to send.")
    return report.status


def ask(tenant: Tenant, questions: Sequence[Question]) -> Report:
    """Ask one question after the other."""
    answers: list[Answer] = []
    stopped = ""
    began = dt.datetime.now(dt.UTC)
    for number, question in enumerate(questions, 1):
        tenant.tell(f"{number}/{len(questions)} {question.check.question}")
        try:
            answers.append(_answer(tenant, question))
        except (KeyboardInterrupt, StoppedError):
            stopped = f"Ctrl-C at the question {question.check.name}."
            break
        tenant.tell(f"    {answers[-1].verdict.value}: {answers[-1].seen}")
    return Report(
        "a tenant of Microsoft Defender",
        {
            "Add-on": paths.VERSION,
            "Cloud": tenant.account.cloud,
            "Signs in with": tenant.account.auth_type,
            "Python": platform.python_version(),
            "OpenSSL": ssl.OPENSSL_VERSION,
            "Platform": f"{platform.system()} {platform.machine()}",
            "When": f"{began:%Y-%m-%d}",
            "Calls": str(tenant.calls),
        },
        answers,
        stopped,
        {"Watched": f"{tenant.watch:.0f} s"},
    )


def _answer(tenant: Tenant, question: Question) -> Answer:
    try:
        return question.ask(tenant, question.check)
    except RefusedError as error:
        tenant.tell(str(error))
        return Answer(question.check, Verdict.UNANSWERED, f"The API refuses: {reason(error)}.")
    except AddonError as error:
        tenant.tell(str(error))
        return Answer(question.check, Verdict.UNANSWERED, f"It could not be asked: {reason(error)}.")
    except Exception as error:  # noqa: BLE001 - one question's fault costs only its answer
        tenant.tell(f"{type(error).__name__}: {error}")
        return Answer(question.check, Verdict.UNANSWERED, f"The program failed: {type(error).__name__}.")


def _account(given: argparse.Namespace, console: Console) -> Account:
    tenant_id = _given(given.tenant, "tenant", console, "Tenant id or domain: ")
    stanza = {"cloud": given.cloud, "tenant_id": tenant_id}
    if given.managed_identity is not None:
        mode = FEDERATED if given.client_id else DIRECT
        stanza |= {"auth_type": MANAGED_IDENTITY, "identity_mode": mode, "client_id": given.client_id}
        return read_account(_NAME, {**stanza, "identity_client_id": given.managed_identity}, {})
    stanza["client_id"] = _given(given.client_id, "client_id", console, "Client id: ")
    if given.certificate is None:
        secret = console.environment.get(ENVIRONMENT["client_secret"]) or console.ask_secret("Client secret: ")
        return read_account(_NAME, stanza, {"client_secret": secret})
    certificate = given.certificate.read_text(encoding="utf-8")
    key = given.private_key.read_text(encoding="utf-8")
    stanza |= {"auth_type": "certificate", "certificate": certificate}
    return read_account(_NAME, stanza, {"private_key": key})


def _given(option: str, name: str, console: Console, question: str) -> str:
    return option or console.environment.get(ENVIRONMENT[name]) or console.ask(question)


def _network(given: argparse.Namespace, console: Console) -> Network:
    proxy = None
    if given.proxy:
        url = urlsplit(given.proxy)
        stanza = {
            "proxy_type": url.scheme,
            "proxy_url": url.hostname or "",
            "proxy_port": str(url.port or ""),
            "proxy_username": unquote(url.username or ""),
        }
        password = console.environment.get(ENVIRONMENT["proxy_password"]) or unquote(url.password or "")
        proxy = read_proxy(stanza, {"proxy_password": password})
    ca = read_ca_bundle(str(Path(given.ca).absolute())) if given.ca else ""
    return Network(proxy, ca, _TIMEOUT, console.identity_services)
