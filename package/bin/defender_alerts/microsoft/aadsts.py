"""Advice for the AADSTS codes of refused sign-ins.

Sources: Microsoft, "Microsoft Entra authentication and authorization error codes"; "What's new for authentication?"
(900439); for certificates also the troubleshooting guide of the Azure SDK (700021, 700023, 700027) and the codes that
Microsoft.Identity.Web attributes to a certificate (700024, 7000214, 7000274, 7000277, 1000502). 7000229, 9002327
and those of managed identities (70021, 700211 to 700213, 7002121, 700222, 700236, 700238) are only known from public
issues.
"""

from __future__ import annotations

from typing import NamedTuple

from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    SignInNeededError,
    UnknownResourceError,
)

from .account import CERTIFICATE, CLIENT_SECRET, MANAGED_IDENTITY, USER
from .client_certificate import UNSUPPORTED_ALGORITHM


class Advice(NamedTuple):
    """What some AADSTS codes mean and what to do.

    Attributes:
        codes: the numbers after ``AADSTS``.
        error: the class of the error to raise.
        sentence: for the administrator, with placeholders in braces.
        auth_type: the only kind of credential that the advice fits; empty for any.
        of_input: only where the input names the tenant.
    """

    codes: tuple[int, ...]
    error: type[AddonError]
    sentence: str
    auth_type: str = ""
    of_input: bool = False


_TENANT = "Correct the tenant id of the {owner}: in Entra ID, Overview > Tenant ID. Check its cloud as well."
_CONSENT = "Check the application of the account {account} in Entra ID under API permissions > Grant admin consent."
_LET_IN = "Let an administrator of that tenant open {consent} and accept what the application asks for."
_CERTIFICATES = "Entra ID > App registrations > Certificates & secrets > Certificates"
_NEW_CERTIFICATE = (
    f"Make a new one with its key, upload it in {_CERTIFICATES}, and paste both into the account {{account}}."
)
_FEDERATED = "Entra ID > App registrations > Certificates & secrets > Federated credentials"
_AGAIN = "Press Sign in again under Configuration > Accounts; the inputs go on from their checkpoints."
# The first row that fits counts. Those on persons and on tenants that an input names stand before those on an account's
# own application.
ADVICE = (
    Advice(
        (700082, 70008),
        SignInNeededError,
        "The sign-in of {user} for the account {account} has ended: no input has used it for 90 days. " + _AGAIN,
        USER,
    ),
    Advice(
        (70000,),
        SignInNeededError,
        "Entra ID does not know the stored sign-in of {user} for the account {account}, as where the client ID was "
        "changed in the conf file. " + _AGAIN,
        USER,
    ),
    Advice(
        (700084, 9002325, 9002327),
        SignInNeededError,
        "The redirect URI of the application of the account {account} is registered for a single-page application, "
        "whose sign-ins end after a day. Register it as Web in Entra ID > App registrations > Authentication, and not "
        "as Single-page application. Then sign in again.",
        USER,
    ),
    Advice(
        (50173,),
        SignInNeededError,
        "The sign-in of {user} for the account {account} was revoked, or the password was reset by an administrator. "
        + _AGAIN,
        USER,
    ),
    Advice(
        (50076, 50078, 50079, 50158),
        SignInNeededError,
        "Entra ID asks {user} for another factor: a policy, the network or the device has changed, or the last time is "
        f"too long ago. {_AGAIN} If it does not last, leave the application out of that policy in Entra ID > "
        "Conditional Access, or use an account that signs in with a certificate.",
        USER,
    ),
    Advice(
        (70043,),
        SignInNeededError,
        "A policy on the sign-in frequency ends the sign-in of {user} after some hours, and no input works under it. "
        "Leave the application out of it in Entra ID > Conditional Access, or use an account that signs in with a "
        "certificate.",
        USER,
    ),
    Advice(
        (53003, 53000, 530032),
        SignInNeededError,
        "A Conditional Access policy blocks the sign-in of {user} for the account {account}. Entra ID > Sign-in logs "
        "names the policy: allow the address of this host in it, or use an account that signs in with a certificate.",
        USER,
    ),
    Advice(
        (65001, 90094, 90099),
        SignInNeededError,
        "Nobody has consented to the delegated permissions of the application of the account {account} in the "
        "{tenant}. Let an administrator of that tenant open {consent} and accept. Then sign in again.",
        USER,
    ),
    Advice(
        (65004,),
        SignInNeededError,
        "The permissions that the application of the account {account} asks for were declined. Press Sign in again and "
        "accept them, or let an administrator of the {tenant} open {consent} and accept.",
        USER,
    ),
    Advice(
        (50011, 500113),
        SignInNeededError,
        "The application of the account {account} is not registered with the redirect URI {redirect_uri}. Add it "
        "letter by letter in Entra ID > App registrations > Authentication > Web, and sign in again.",
        USER,
    ),
    Advice(
        (50034,),
        SignInNeededError,
        "Entra ID does not know {user} in the {tenant}. Sign in again as a person of that tenant.",
        USER,
    ),
    Advice(
        (50020,),
        SignInNeededError,
        "Entra ID does not let {user} into the {tenant}. Sign in as a person of that tenant, or see that the delegated "
        "administration (GDAP) covers this person.",
        USER,
    ),
    Advice((50057,), SignInNeededError, "{user} is disabled in Entra ID. Sign in again as another person.", USER),
    Advice(
        (50105,),
        SignInNeededError,
        "{user} is not assigned to the application of the account {account}. Assign this person in Entra ID > "
        "Enterprise applications > Users and groups, and sign in again.",
        USER,
    ),
    Advice(
        (50194,),
        SignInNeededError,
        "The application of the account {account} is for one tenant alone. Enter the tenant's GUID as tenant id of the "
        "{owner}.",
        USER,
    ),
    Advice(
        (700025,),
        SignInNeededError,
        "The application of the account {account} is registered as a public client and takes no credential. Register "
        "the redirect URI as Web in Entra ID > App registrations > Authentication, and sign in again.",
        USER,
    ),
    # Where the input names the tenant, an application of another organization is let in there, not registered.
    Advice(
        (700016,),
        AuthenticationError,
        "The application {client_id} of the account {account} is unknown in the {tenant}. "
        + _LET_IN
        + " It has to be registered for accounts in any organizational directory.",
        of_input=True,
    ),
    Advice(
        (7000229,),
        AuthenticationError,
        "The application of the account {account} has not been let into the {tenant} yet: it has no enterprise "
        "application (service principal) there. " + _LET_IN,
        of_input=True,
    ),
    Advice(
        (65001, 90094),
        AuthenticationError,
        "Nobody has consented to the permissions of the application of the account {account} in the {tenant}. "
        + _LET_IN,
        of_input=True,
    ),
    Advice(
        (650052,),
        AuthenticationError,
        "The application of the account {account} asks for a service that the {tenant} has not subscribed to or "
        "enabled. Check that tenant's licence for Microsoft Defender, or give the tenant an account whose application "
        "asks only for what it has.",
        of_input=True,
    ),
    Advice(
        (90038, 900382, 900439),
        ConfigurationError,
        "The {tenant} lives in another of Microsoft's clouds than the account {account} is for. Give the input an "
        "account of that cloud.",
        of_input=True,
    ),
    Advice(
        (7000215,),
        AuthenticationError,
        "The client secret of the account {account} is wrong.{unusual} Paste the secret's value, not its id, from "
        "Entra ID > App registrations > Certificates & secrets; the value is shown only when the secret is made.",
        CLIENT_SECRET,
    ),
    Advice(
        (7000222,),
        AuthenticationError,
        "The client secret of the account {account} has expired. Make a new one in Entra ID > App registrations > "
        "Certificates & secrets and paste its value into the account.",
        CLIENT_SECRET,
    ),
    Advice(
        (700027, 50012),
        AuthenticationError,
        "Entra ID does not know the certificate of the account {account}, or knows it as expired. Its thumbprint is "
        f"{{thumbprint}}: compare it with {_CERTIFICATES}, and upload the certificate (.cer, .pem) if it is "
        "missing there.",
        CERTIFICATE,
    ),
    Advice(
        (7000274,),
        AuthenticationError,
        "Entra ID rejects the signature of the account {account}, made with the key of the certificate with the "
        f"thumbprint {{thumbprint}}. {_NEW_CERTIFICATE}",
        CERTIFICATE,
    ),
    Advice(
        (1000502,),
        AuthenticationError,
        f"The certificate of the account {{account}} is not valid now, says Entra ID. {_NEW_CERTIFICATE}",
        CERTIFICATE,
    ),
    Advice(
        (7000214, 7000277),
        AuthenticationError,
        f"The certificate of the account {{account}} has been revoked. {_NEW_CERTIFICATE}",
        CERTIFICATE,
    ),
    Advice(
        (UNSUPPORTED_ALGORITHM,),
        AuthenticationError,
        "Entra ID accepts neither PS256 nor RS256 with the key of the account {account}. Use an RSA key of at least "
        f"2048 bits. {_NEW_CERTIFICATE}",
        CERTIFICATE,
    ),
    Advice(
        (700024, 500133),
        AuthenticationError,
        "Entra ID finds the signed assertion of the account {account} outside its ten minutes. Correct the clock of "
        "this host, and look for a proxy that answers with old Date headers or delays requests.",
        CERTIFICATE,
    ),
    Advice(
        (700021,),
        AuthenticationError,
        "The signed assertion is not the application's. Compare the client id of the account {account} with Entra ID > "
        "App registrations > Overview.",
        CERTIFICATE,
    ),
    Advice(
        (700023,), AuthenticationError, "The signed assertion is for another tenant or cloud. " + _TENANT, CERTIFICATE
    ),
    Advice(
        (70021, 700211, 700213),
        AuthenticationError,
        "The application of the account {account} does not trust the managed identity with the client ID {identity}. "
        f"Add the identity in {_FEDERATED} with the scenario Managed Identity: the subject is the identity's object "
        "(principal) ID, the issuer that of the application's own tenant. A new one may take some minutes to count.",
        MANAGED_IDENTITY,
    ),
    Advice(
        (700212, 7002121),
        AuthenticationError,
        "The application of the account {account} trusts the managed identity with the client ID {identity} for "
        f"another audience. Correct it in {_FEDERATED}: {{audience}}",
        MANAGED_IDENTITY,
    ),
    Advice(
        (700222, 700236, 700238),
        AuthenticationError,
        "The managed identity with the client ID {identity} is of another tenant or cloud than the application of the "
        "account {account}. Register an application in the identity's tenant, as a multitenant one if other "
        "tenants are read.",
        MANAGED_IDENTITY,
    ),
    Advice(
        (7000218, 7000216),
        AuthenticationError,
        "No credential has reached Entra ID. Enter the {credential} of the account {account} again, and look for a "
        "proxy that changes what is sent.",
    ),
    Advice(
        (700016,),
        AuthenticationError,
        "The application id of the account {account} is unknown in its tenant. Compare client id and tenant id with "
        "Entra ID > App registrations > Overview.",
    ),
    Advice(
        (7000112,),
        AuthenticationError,
        "The application of the account {account} is disabled. Enable it in Entra ID > Enterprise applications > "
        "Properties.",
    ),
    Advice((90002,), AuthenticationError, "The {tenant} does not exist in its cloud. " + _TENANT),
    Advice((900023,), AuthenticationError, "The tenant id of the {owner} is malformed. " + _TENANT),
    Advice(
        (90038, 900382), ConfigurationError, "The {tenant} lives in another cloud. Set the account's cloud to that one."
    ),
    Advice(
        (900439,),
        ConfigurationError,
        "The {tenant} lives in Microsoft's cloud for the US government. Set the account's cloud to GCC High or DoD.",
    ),
    Advice(
        (500011,),
        UnknownResourceError,
        "The resource {resource} is unknown in the {tenant}.{hint} Otherwise check that "
        "the tenant has a licence for Microsoft Defender for Endpoint, and the account's tenant id.",
    ),
    Advice((50001,), UnknownResourceError, "The resource {resource} is disabled or unknown in the {tenant}.{hint}"),
    Advice(
        (500014,),
        UnknownResourceError,
        "The resource {resource} is disabled in the {tenant}: a subscription has lapsed, or an "
        "administrator has disabled it. Check the tenant's licence for Microsoft Defender, and in Entra ID > "
        "Enterprise applications, with the application type Microsoft Applications, whether sign-in is enabled for it.",
    ),
    Advice(
        (7000229,),
        AuthenticationError,
        "The application of the account {account} is not in its tenant yet: it has no enterprise application (service "
        "principal) there. Let an administrator of the tenant open {consent} and "
        "accept. An application that was registered in the same tenant by a script gets one by: az ad sp create --id "
        "{client_id}",
    ),
    Advice(
        (650052,),
        AuthenticationError,
        "The application of the account {account} asks for a service that its tenant has not subscribed to or enabled. "
        "Check the tenant's licence for Microsoft Defender, or take the permissions for that service out of Entra ID > "
        "App registrations > API permissions.",
    ),
    Advice((65001,), AuthenticationError, "Nobody has consented to the application's permissions. " + _CONSENT),
    Advice(
        (90094,), AuthenticationError, "An administrator has to consent to the application's permissions. " + _CONSENT
    ),
    Advice(
        (53003,),
        AuthenticationError,
        "A Conditional Access policy blocks the application of the account {account}. Allow this host's address for it "
        "in Entra ID > Conditional Access.",
    ),
    Advice(
        (530035,),
        AuthenticationError,
        "The security defaults of the {tenant} block this sign-in. See in Entra ID > Sign-in "
        "logs which of them; with Conditional Access in their place, this application can be left out.",
    ),
    Advice(
        (500021,),
        AuthenticationError,
        "Tenant restrictions on the proxy forbid the {tenant}. Ask the owner of the proxy to "
        "add the tenant to its Restrict-Access-To-Tenants header.",
    ),
)
