"""The search-time fields: what package/default/props.conf and transforms.conf say of them, from one definition.

    python -m tooling.fields

writes both. A field is a row of ``siem.py`` or ``current.py``; whatever stanza it stands in comes from there.
"""
