"""The handler of the tabs Proxy and Network in what UCC has generated; tests/integration/test_setup_settings.py has what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from additional_packaging import check_settings_at_save

UCCS = """
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler
admin_external.handle(
    endpoint,
    handled_by=AdminExternalHandler,
)
"""


def test_a_module_of_another_ucc_fails_the_build(tmp_path: Path) -> None:
    module = tmp_path / "TA_some_app" / "bin" / "TA_some_app_rh_settings.py"
    module.parent.mkdir(parents=True)
    module.write_text(UCCS, encoding="utf-8")
    with pytest.raises(ValueError, match="is not what UCC used to write"):
        check_settings_at_save(tmp_path / "TA_some_app")
