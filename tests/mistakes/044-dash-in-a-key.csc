## Submit jobs with options for the scheduler.

options = {partition: "long", mail-type: "END", nodes: "2"}
param models: list[str] = ["era5", "merra"]

task submit(model: str, flags: list[str]) -> str {
  retry 1
  timeout 1d
  sh "sbatch --parsable {{flags}} {{model}}.job"
}

flags = ["--partition", options.partition, "--nodes", options.nodes]
output jobs = [submit(m, flags) for m in models]
