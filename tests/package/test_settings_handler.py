"""The handler of the tabs Proxy and Network in what UCC has generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from additional_packaging import check_settings_at_save

UCCS = """
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler
admin_external.handle(
    endpoint,
    handler=AdminExternalHandler,
)
"""


def app_with(folder: Path, text: str) -> Path:
    app = folder / "TA_some_app"
    (app / "bin").mkdir(parents=True)
    (app / "bin" / "TA_some_app_rh_settings.py").write_text(text, encoding="utf-8")
    return app


def test_it_stands_in_the_place_of_uccs_own(tmp_path: Path) -> None:
    app = app_with(tmp_path, UCCS)
    check_settings_at_save(app)
    text = (app / "bin" / "TA_some_app_rh_settings.py").read_text(encoding="utf-8")
    assert "from defender_alerts_rh import SettingsHandler" in text
    assert "handler=SettingsHandler," in text
    assert "AdminExternalHandler" not in text


def test_a_module_of_another_ucc_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not what UCC used to write"):
        check_settings_at_save(app_with(tmp_path, UCCS.replace("handler=", "handled_by=")))
