## A secret that nothing uses, and bodies that read what no task inherits.

secret TOKEN
secret UNUSED
secret KEY

task a() { sh "echo $TOKEN '$TOKEN' # $TOKEN" }
task b() { python "import os; print(os.environ['TOKEN'], os.getenv('KEY'))" }
task c() {
  env { API = TOKEN, KEY = KEY }
  sh "echo ${API} $KEY"
}
task d() { sh "TOKEN=mine; echo $TOKEN" }
task e() { sh "echo $KEY" }
task f() {
  env { API = TOKEN }
  sh "echo $TOKEN"
}
a()
f()
b()
c()
d()
e() with { env { KEY = KEY } }
