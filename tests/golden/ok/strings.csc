## Strings: interpolation, escapes, raw, tripled.

param x: int = 3
output one = "x = {{x}}, twice {{x * 2}}, \{{kept}}\n"
output raw = 'no {{x}} here'   # allow: raw-braces
output long = """
  first {{x}}
    second
"""
output nested = "{{join(["a", "b"], "-")}}"
