"""Write the matrix into docs/fault-matrix.md."""

from faults.table import write

write()
