"""The add-on's names inside Splunk: a contract with saved settings and with searches."""

APP = "TA_defender_alerts"
ACCOUNT_CONF = "ta_defender_alerts_account"
SETTINGS_CONF = "ta_defender_alerts_settings"
SIGN_INS = "ta_defender_alerts_sign_ins"
CHECKPOINTS = "ta_defender_alerts_checkpoints"
