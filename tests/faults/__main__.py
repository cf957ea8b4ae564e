"""Write the matrix into docs/reliability.md."""

from faults.table import write

write()
