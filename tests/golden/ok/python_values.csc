## Params and constants of the file in bodies of every kind, and what was granted.

param top: int = 3
param ref: file = file("genome.fa")
param unused: int = 1
label = "top {{top}}"
sizes = [top, 2 * top]
limit slots 4

task text(n: int) -> json {
  requires cpu = 2, mem = 64MB, slots = n
  env { MEM = str(need.mem), SLOTS = "{{need.slots + 1}}" }
  python """
    def inner():
      return [label for _ in range(n)]
    unused = 4
    return [inner(), ref, need.mem, attempt]
  """
}
task named(n: int) -> json { python "values.py:named" }
task decorated(n: int) -> json { python "values.py:decorated" }
task installed(n: int) -> json { python "os.path:join" }
task shell(n: int) -> page: file {
  requires mem = n * 1MB
  in "work-{{need.cpu}}"
  env { PAGE = page }
  sh "echo {{n}} {{label}} {{sizes}} {{ref}} {{need.mem}} > {{page}}"
}
task words(n: int) -> str { exec ["echo", label, sizes, "{{need.cpu}}"] }
output a = [text(1), named(1), decorated(1), installed(1)]
output b = shell(1)
output c = words(1)
