## Rename exports by the day they were made.

param exports: list[file] = glob("exports/*.csv")
param day: str = "2026-04-01"

task stamp(table: file, day: str) -> stamped: file = "stamped/{{day}}-{{basename(table)}}" {
  requires cpu = 0.1
  sh """
    echo "day ${DAY:-{{day}}}"
    sed "s/^/$TODAY,/" {{table}} > {{stamped}}
  """
  env { TODAY = day }
}

output stamped = [stamp(e, day) for e in exports]
