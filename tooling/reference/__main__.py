"""Write the tables into the pages."""

from __future__ import annotations

from tooling.reference.pages import write

write()
