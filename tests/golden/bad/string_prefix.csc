name = "Ada"
output a = f"hello {name}"
output b = r"\d+"
