"""An account: an application in Entra ID with its credentials, or a managed identity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import check_tenant_id, cleaned, is_guid, unusual

from . import clouds

if TYPE_CHECKING:
    from .client_certificate.key_pair import Pair
    from .user_sign_in import RefreshTokens

SECRET_WARNING_DAYS = 30
AUTH_TYPES = CLIENT_SECRET, CERTIFICATE, USER, MANAGED_IDENTITY = (
    "client_secret",
    "certificate",
    "user",
    "managed_identity",
)
IDENTITY_MODES = FEDERATED, DIRECT = ("federated", "direct")


class Account(NamedTuple):
    """An application in Entra ID with its credentials, or a managed identity.

    Attributes:
        tenant_id: a GUID, or one of the tenant's domains.
        client_id: of the application; empty for a managed identity with permissions of its own.
        client_secret: empty if the application signs in with something else.
        secret_expires: the day on which the client secret expires; None if unknown.
        auth_type: ``client_secret``, ``certificate``, ``managed_identity``, or ``user``: a person signs in, and the
            application proves itself by its certificate if it has one, else by its secret.
        pair: the application's certificate and private key; None if it has another credential.
        tenant_of_domain: a domain and the GUID of its tenant, as the check at save has kept them.
        tenant_of_input: the name of the input that names the tenant; empty where it is the account's own.
        signed_in_as: the name of the person who has signed in, as Entra ID gives it; empty where nobody has.
        signed_in_at: when that was, ISO 8601 in UTC.
        identity_mode: what the managed identity does: vouch for the application (``federated``), or ask with
            permissions of its own (``direct``). Empty for other types.
        identity_client_id: of a user-assigned identity; empty for the machine's own (system-assigned).
        refresh_tokens: where the refresh token of the person who has signed in is kept; None for other accounts.
    """

    name: str
    cloud: str
    tenant_id: str
    client_id: str
    client_secret: str
    secret_expires: dt.date | None = None
    auth_type: str = CLIENT_SECRET
    pair: Pair | None = None
    tenant_of_domain: str = ""
    tenant_of_input: str = ""
    signed_in_as: str = ""
    signed_in_at: str = ""
    identity_mode: str = ""
    identity_client_id: str = ""
    refresh_tokens: RefreshTokens | None = None

    def __repr__(self) -> str:
        """The name alone: the rest holds secrets."""
        return f"Account({self.name})"

    @property
    def credential(self) -> str:
        """How the application proves itself: ``client_secret``, ``certificate`` or ``managed_identity``."""
        if self.auth_type != USER:
            return self.auth_type
        return CERTIFICATE if self.pair else CLIENT_SECRET

    @property
    def is_of_user(self) -> bool:
        """Whether the account sees what a person may see, and not what its application may."""
        return self.auth_type == USER

    @property
    def identity(self) -> str:
        """Who signs in, for the log: ``managed`` or ``user``; empty for an application by itself."""
        return {MANAGED_IDENTITY: "managed", USER: "user"}.get(self.auth_type, "")

    @property
    def is_direct(self) -> bool:
        """Whether no application is in between: the managed identity has the permissions itself."""
        return self.auth_type == MANAGED_IDENTITY and self.identity_mode == DIRECT

    @property
    def tenant_guid(self) -> str:
        """The GUID of the tenant; empty where a domain is named whose tenant was not kept."""
        domain, _, guid = self.tenant_of_domain.partition(" ")
        known = guid if domain == self.tenant_id else self.tenant_id
        return known.lower() if is_guid(known) else ""

    def must_be_of(self, tenant: str) -> None:
        """Refuse a person's tokens of another tenant: what they read would be filed under the wrong one.

        Raises:
            ConfigurationError: the tenant is another one.
        """
        if self.tenant_guid and tenant != self.tenant_guid:
            raise ConfigurationError(
                f"Entra ID has given tokens of the tenant {tenant}, and the account {self.name} is used for the tenant "
                f"{self.tenant_guid}. Correct the tenant id of the account or input, and sign in as a person who may "
                "read that tenant."
            )

    def in_tenant_of(self, input_name: str, tenant_id: str) -> Account:
        """The same application and credentials in the tenant that an input names; in the account's where it names none.

        Args:
            input_name: of the input.
            tenant_id: as the input names it; empty for none.
        """
        return self._replace(tenant_id=tenant_id, tenant_of_input=input_name) if tenant_id else self

    @property
    def expires(self) -> dt.date | None:
        """The day (UTC) on which the certificate or client secret expires; None if unknown."""
        return self.pair.certificate.not_after.date() if self.pair else self.secret_expires

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts to redact everywhere; each line of a private key too, since a log may cut a text."""
        of_key = self.pair.key_secrets if self.pair else ()
        return tuple(secret for secret in (self.client_secret, *of_key) if secret)

    def lasts(self, today: dt.date) -> int | None:
        """The number of days until the credential expires; None if unknown."""
        return None if self.expires is None else (self.expires - today).days


def read_account(
    name: str, stanza: Mapping[str, str], secrets: Mapping[str, str], now: dt.datetime | None = None
) -> Account:
    """Read an account from its stanza and its decrypted secrets.

    Args:
        name: of the stanza.
        stanza: its fields.
        secrets: its decrypted fields.
        now: the time at which the certificate must be valid; by default, the present by this host's clock.

    Raises:
        ConfigurationError: a field is missing or malformed, or the certificate is not valid now.
    """
    where = f"Correct the account {name} under Configuration > Accounts."
    cloud = cleaned(stanza.get("cloud") or "")
    clouds.cloud(cloud)
    tenant_id = cleaned(stanza.get("tenant_id") or "")
    check_tenant_id(tenant_id, where)
    auth_type = cleaned(stanza.get("auth_type") or CLIENT_SECRET)
    if auth_type not in AUTH_TYPES:
        raise ConfigurationError(f"auth_type is {auth_type!r} and should be one of {', '.join(AUTH_TYPES)}. {where}")
    account = Account(
        name,
        cloud,
        tenant_id,
        client_id="",
        client_secret="",
        auth_type=auth_type,
        tenant_of_domain=stanza.get("tenant_of_domain") or "",
        signed_in_as=(stanza.get("signed_in_as") or "") if auth_type == USER else "",
        signed_in_at=(stanza.get("signed_in_at") or "") if auth_type == USER else "",
    )
    if auth_type == MANAGED_IDENTITY:
        return _read_managed_identity(account, stanza, where)
    account = account._replace(client_id=_read_client_id(stanza, where))
    certificate = cleaned(stanza.get("certificate") or "")
    if auth_type == CERTIFICATE or (auth_type == USER and certificate):
        # Imported here, since polls with a client secret don't need the modules that read keys.
        from defender_alerts.microsoft.client_certificate.key_pair import read_pair

        pair = read_pair(certificate, cleaned(secrets.get("private_key") or ""), where)
        pair.must_be_valid(now or dt.datetime.now(dt.timezone.utc), where)
        return account._replace(pair=pair)
    client_secret = cleaned(secrets.get("client_secret") or "")
    if not client_secret:
        raise ConfigurationError(f"The account {name} has no client secret. {where}")
    return account._replace(client_secret=client_secret, secret_expires=_read_date(stanza.get("secret_expires"), where))


def _read_client_id(stanza: Mapping[str, str], where: str) -> str:
    client_id = cleaned(stanza.get("client_id") or "")
    if not is_guid(client_id):
        raise ConfigurationError(f"The client id {client_id!r} is not a GUID.{unusual(client_id)} {where}")
    return client_id


def _read_managed_identity(account: Account, stanza: Mapping[str, str], where: str) -> Account:
    mode = cleaned(stanza.get("identity_mode") or FEDERATED)
    if mode not in IDENTITY_MODES:
        raise ConfigurationError(f"identity_mode is {mode!r} and should be one of {', '.join(IDENTITY_MODES)}. {where}")
    identity = cleaned(stanza.get("identity_client_id") or "")
    if identity and not is_guid(identity):
        raise ConfigurationError(
            f"The client ID of the managed identity {identity!r} is not a GUID.{unusual(identity)} {where}"
        )
    if mode == FEDERATED and not identity:
        raise ConfigurationError(
            "Only a user-assigned identity can vouch for an application. Enter its client ID, or choose Has "
            f"permissions of its own (identity_mode = direct). {where}"
        )
    return account._replace(
        client_id=_read_client_id(stanza, where) if mode == FEDERATED else "",
        identity_mode=mode,
        identity_client_id=identity,
    )


def _read_date(text: str | None, where: str) -> dt.date | None:
    given = cleaned(text or "")
    try:
        return dt.date.fromisoformat(given) if given else None
    except ValueError as error:
        raise ConfigurationError(f"The date {given!r} is not a year-month-day, such as 2027-06-30. {where}") from error
