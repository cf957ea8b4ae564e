"""Write package/default/props.conf and transforms.conf, and the reference in docs/fields.md."""

from __future__ import annotations

from tooling.fields.shipped import write

write()
