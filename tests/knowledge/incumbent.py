"""What the Splunk Add-on for Microsoft Security (Splunkbase 6207) makes of an endpoint alert, as far as is known.

Known, from a public copy of its version 2.3.1: which keys each of its fields is made of, and in which order. Written down here as facts,
in our own words. Assumed: that its later versions, of which only the list of inputs is known, do the same.
"""

from __future__ import annotations

PROPS = r"""
[ms:defender:atp:alerts]
KV_MODE = json
TRUNCATE = 0
EVAL-app = "ms:defender"
EVAL-type = "alert"
EVAL-severity = lower(severity)
EVAL-dest = coalesce('evidence{}.deviceDnsName', aadTenantId)
EVAL-src = coalesce(serviceSource, computerDnsName)
EVAL-user = coalesce(actorDisplayName, 'evidence{}.userAccount.userPrincipalName', 'evidence{}.userPrincipalName')
EVAL-signature_id = coalesce(threatName, threatFamilyName)
FIELDALIAS-body = description AS body
FIELDALIAS-signature = title AS signature
FIELDALIAS-subject = title AS subject
FIELDALIAS-technique = mitreTechniques{} AS mitre_technique_id
FIELDALIAS-user_name = relatedUser.userName AS user_name
"""
EVENTTYPES = """
[ms_security_atp_alert]
search = sourcetype="ms:defender:atp:alerts"
"""
TAGS = """
[eventtype=ms_security_atp_alert]
alert = enabled
"""
FILES = {"default/props.conf": PROPS, "default/eventtypes.conf": EVENTTYPES, "default/tags.conf": TAGS}
