task nothing(a: str) { exec ["true"] }
task scalar(a: str, b: int = 3,) -> int { sh "echo 3" }
task unnamed() -> file { sh "touch {{out}}" }
task unnamed_path() -> file = "out/a.txt" { sh "touch {{out}}" }
task named(name: str) -> page: file = "out/{{name}}.html" { sh "touch {{page}}" }
task several(id: str) -> (bam: file = "out/{{id}}.bam", stats: json, note: file?) { sh "true" }
task glob() -> parts: list[file] = "parts/*.csv" { sh "true" }
task scratch() -> bam: temp file { sh "true" }
task scratch_unnamed() -> temp dir { sh "true" }
task choice(mode: "fast" | "safe" = "fast") -> "yes" | "no" { sh "echo yes" }
task record() -> {id: str, n: int} { sh "true" }
task optional_choice() -> ("a" | "b")? { sh "true" }
task qualified(s: qc.Sample) -> qc.Sample { sh "true" }
task spread(
  url: str,        ## where it is
  ## how often
  times: int = 1,
) -> page: file {  ## fetch one
  sh "true"
}
