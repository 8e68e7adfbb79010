task a(x: str) -> int {
  sh "
    echo one
    echo {{x}}
  "
  retry 3 3
}
task b(x: str) -> int {
  sh """
    echo {{x}}
}

task c(x: str) -> int {
  python """
    return nothing_else(x)
  """
  timeout 3
}
y = "left open
output z = y + a("x") + b("y") + c(1) + nowhere
