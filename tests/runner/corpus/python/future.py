from __future__ import annotations

x: undefined_name = 1
print(__annotations__, annotations)
