"""The command ``defender_alerts_sign_in.py``: signs a person in for an account, or out, where there is no Splunk Web.

Exit status: 0 signed in, or out; 2 settings, arguments, login or address are wrong, or Microsoft refuses; 3 the KV
store failed; 130 interrupted.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from defender_alerts.splunk.pages.sign_in import SignIn
from defender_alerts.splunk.rest_client import content_of

from .command import CommandRun, run
from .shell import LOCAL_TOKEN, Shell, with_login

_MINUTE = 60


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Sign a person in for an account, or out; return the exit status."""
    return run(_parser(), _sign_in, arguments, shell, interrupted="Interrupted. Nobody was signed in.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_sign_in.py",
        description="Signs a person in for an account that signs in as a user. Prints the address of Microsoft's page, "
        "and reads the address at which the browser ends.",
        epilog=f"The password is asked for; a token or session key may be in the environment as {LOCAL_TOKEN}. Exit "
        "status: 0 done, 2 arguments, login, settings or address are wrong or Microsoft refuses, 3 the KV store.",
    )
    parser.add_argument("account", help="name of the account")
    parser.add_argument("--forget", action="store_true", help="sign out: delete the stored sign-in")
    return with_login(parser)


def _sign_in(command: CommandRun) -> int:
    options, shell, splunkd = command.options, command.shell, command.splunkd
    context = content_of(splunkd.get("authentication/current-context"))
    sign_in = SignIn(splunkd, options.account, str(context.get("username", "")), command.redaction)
    if options.forget:
        sign_in.forget({})
        shell.out.write(f"The account {options.account} is signed out. Its inputs wait for the next sign-in.\n")
        return 0
    begun = sign_in.start({})
    shell.out.write(
        f"In Entra ID the application needs the redirect URI {begun['redirect_uri']}, of the platform Web. Open this "
        f"address in a browser, on any machine, and sign in within {begun['expires_in'] // _MINUTE} minutes:\n\n"
        f"{begun['url']}\n\n"
    )
    shell.out.flush()
    address = shell.read_line(
        "The browser ends on a page that can't be reached. Paste the whole address of that page here: "
    )
    done = sign_in.finish({"address": address})
    shell.out.write(f"\nSigned in as {done['signed_in_as']}.\n{done['check']['feeds']}\n")
    return 0
