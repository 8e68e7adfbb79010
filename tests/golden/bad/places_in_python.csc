# Places of a string stand in no python body.
task scale(x: float, rate: float) -> float { python "return x * {{rate}}" }
task share(x: float) -> float {
  python """
    parts = [1.0]
    return sum(f"{ {{x}} }" for _ in parts)
  """
}
