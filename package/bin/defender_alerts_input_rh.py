"""The REST handler behind the Inputs page: an input is checked against its account, and takes its places with it."""

import logging
import threading
from typing import Any

from defender_alerts.errors import AddonError, CheckpointError, ConfigurationError, StoppedError
from defender_alerts.input.kvstore import KVStorePlaces
from defender_alerts.input.names import ACCOUNT_CONF
from defender_alerts.input.splunkd import Splunkd, SplunkdError
from defender_alerts.kinds import KINDS
from defender_alerts.settings import read_polling
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError


class InputHandler(AdminExternalHandler):
    """Adds to UCC's handler what can only be known with the account at hand."""

    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then create."""
        self._check({})
        super().handleCreate(confInfo)

    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then edit; enabling and disabling is not checked."""
        if "disabled" not in self.payload:
            self._check(self._stored())
        super().handleEdit(confInfo)

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove the input, then its places: a new input of that name starts at its own start_time."""
        super().handleRemove(confInfo)
        try:
            KVStorePlaces(self._splunkd(), threading.Event(), logging.getLogger(__name__)).delete_places_of(
                self.handler.get_endpoint().input_type, self.callerArgs.id
            )
        except (CheckpointError, StoppedError):
            # The input is gone; a store that is down must not bring it back.
            logging.getLogger(__name__).warning("the checkpoint of %s is kept", self.callerArgs.id)

    def _splunkd(self) -> Splunkd:
        return Splunkd(get_splunkd_endpoint(), self.getSessionKey())

    def _stored(self) -> dict[str, str]:
        entity = next(iter(self.handler.get(self.callerArgs.id)))
        return {key: str(value) for key, value in entity.content.items() if value is not None}

    def _check(self, stored: dict[str, str]) -> None:
        for field, value in self.payload.items():
            self.payload[field] = value.strip()
        name, fields = self.callerArgs.id, {**stored, **self.payload}
        kind = KINDS[self.handler.get_endpoint().input_type]
        try:
            polling = read_polling(name, fields)
            own = kind.read(name, fields)
            account = self._splunkd().stanza(ACCOUNT_CONF, polling.account)
            if account is None:
                raise ConfigurationError(
                    f"The account {polling.account} does not exist, or you may not read it. Add it under "
                    "Configuration > Accounts, or ask an administrator for the role admin or sc_admin."
                )
            for region in own.regions:
                kind.in_region(region, account.get("cloud", ""), own)
        except AddonError as error:
            raise RestError(400, str(error)) from None
        except SplunkdError as error:
            raise RestError(error.status or 500, str(error)) from None
