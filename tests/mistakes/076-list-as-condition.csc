## Report failures of devices where there are any.

param devices: list[str] = ["pump", "valve"]

task faults(device: str) -> list[str] {
  retry 1
  timeout 1m
  sh "read-faults --json {{device}}"
}

task write_report(faults: list[str], title: str) -> report: file = "faults.txt" {
  sh "printf '%s\\n' {{title}} {{faults}} > {{report}}"
}

found = flatten([faults(d) for d in devices])
title = "faults: {{len(found)}}" if found else "all is well"
output report = write_report(found, title)
