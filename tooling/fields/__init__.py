"""The search-time fields: what package/default/props.conf and transforms.conf say of them, from one definition.

    python -m tooling.fields

writes both, and the tables of docs/fields.md. A field is a row of ``knowledge/fields.toml``, whatever stanza it is in.
"""
