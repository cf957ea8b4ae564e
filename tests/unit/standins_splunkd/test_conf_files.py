from __future__ import annotations

from standins.splunkd import conf


def test_a_certificate_of_several_lines_survives_the_file() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nQUJD=\n#x;y [z]\n-----END CERTIFICATE-----"
    stanzas = {"network": {"ca_bundle": pem, "after": "a = b ; c"}, "credential:r:u:": {"password": "$7$x"}}

    assert conf.parse(conf.render(stanzas)) == stanzas
