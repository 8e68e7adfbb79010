## Names of the file that are those of functions, and braces that hold no value.

param lines: int = 3
size = lines + 1
who = "Ada"

task hello(name: str) -> str {
  sh 'echo {{name}} {{other}}'
}
task bye(name: str) -> str {
  sh "echo {name} ${name} {{name}} {a,b} $(awk '{print}' /dev/null)"
}
output a = "hello {who} {nobody} {{who}} \{{who}} {{ {who: who} }}" + str(size) + hello(who) + bye(who)
output b = 'hello {{who}} {{nobody}}'
