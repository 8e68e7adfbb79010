task t(n: int?, m: str?) {
  sh "head -n {{n}} --mode={{m ?? "x"}}"
}
task u(n: int?) { exec ["head", n] }
task v(n: str?) { env { N = n }; sh "true" }
t(1, none)
