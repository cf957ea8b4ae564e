"""Write package/default/props.conf and transforms.conf."""

from __future__ import annotations

from tooling.fields.shipped import write

write()
