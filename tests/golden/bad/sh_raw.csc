x = raw("a")
task t(a: str, b: str?) {
  sh "ls {{raw(a) + "x"}} {{raw(a, a)}} {{raw(b)}} {{raw()}}"
}
t(x, none)
