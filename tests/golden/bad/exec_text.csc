# The words of a command without a shell are a list.
param all: str = "-l"

task a() -> str { exec "ls -l" }
task b() -> str { exec all }

output a = a()
output b = b()
