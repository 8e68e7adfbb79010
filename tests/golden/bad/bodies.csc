task a() { retry 1 }
task b() {
  sh "true"
  exec ["true"]
}
task c() { exec [] }
task d() -> n: int = "n.txt" { sh "echo 1" }
task e(out: int) -> file { sh "true > {{out}}" }
task g() { shell "bash"; python "pass" }
task h() { exec 3 }
