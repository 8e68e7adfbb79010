task a(x: str) -> int { sh "echo {{x}}" }
y = a(1)
z = """
  never closed {{y}}
other = z
