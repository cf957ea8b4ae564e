"""The built add-on on an Azure VM: an account of a managed identity is checked, saved and used."""

from __future__ import annotations

from pathlib import Path

from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.splunk.stored_settings import account_secrets
from integration.installation import KIND, NARROW, Installation, texts
from integration.log import actions
from integration.saving import refusal_of, row
from standins import identity_service
from standins.microsoft.managed_identity import Machine


def test_an_account_is_changed_to_the_identity_of_the_vm_and_its_input_collects_without_any_secret(
    installed_on_each: Installation, tmp_path: Path
) -> None:
    fresh = installed_on_each
    with Machine(fresh.cloud, tmp_path) as machine:
        identity = machine.new_identity(fresh.tenant)
        fields = {"auth_type": "managed_identity", "client_secret": "", "identity_client_id": identity.client_id}
        with fresh.splunkd.launched_with(identity_service.environment(machine.vm_address, fresh.splunkd.home)):
            assert "Azure gives this machine no token of the managed identity" in refusal_of(
                lambda: fresh.edit_account(identity_mode="federated", **fields)
            )
            machine.user_assigned.append(identity)
            identity.trusted_by(fresh.application)
            fresh.edit_account(identity_mode="federated", **fields)
        saved = row(fresh, "corp")
        assert (saved["auth_type"], saved["identity_client_id"]) == ("managed_identity", identity.client_id)
        splunkd = Splunkd(fresh.splunkd.server_uri, fresh.splunkd.session_key())
        assert account_secrets(splunkd, "corp", "managed_identity") == {}
        assert KIND in saved["last_check"]
        alerts = fresh.alerts(2)
        fresh.publish("eu", alerts)
        run = fresh.run(NARROW, env=identity_service.environment(machine.vm_address, fresh.splunkd.home))
    # The other tests of this Splunk sign in with its secret.
    fresh.edit_account(auth_type="client_secret", client_secret=fresh.secret, identity_client_id="")
    assert (run.status, run.stderr) == (0, [])
    assert [event.raw for event in run.events] == texts(alerts)
    [done] = actions(fresh.log(NARROW), "region_done")
    assert (done["identity"], done["account"]) == ("managed", "corp")
