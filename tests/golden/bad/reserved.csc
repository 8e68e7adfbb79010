param in: int = 3
