task a() -> f: file = "../x.txt" { sh "true > {{f}}" }
task b() -> f: file = "/tmp/x.txt" { sh "true > {{f}}" }
task c(n: str) -> f: file = "a/{{n}}/x" { sh "true > {{f}}" }
task d() -> f: file = "." { sh "true > {{f}}" }
task e() -> f: file = 3 { sh "true > {{f}}" }
a()
c("../..")
