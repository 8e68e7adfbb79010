## Compress old logs, or only say which.

param logs: list[file] = glob("/var/log/app/*.log")
param dry: bool = True

task squeeze(log: file) -> packed: file {
  requires cpu = 1
  sh "zstd -q {{log}} -o {{packed}}"
}

chosen = [l for l in logs if not dry]
output packed = [squeeze(l) for l in chosen]
