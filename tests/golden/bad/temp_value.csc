task values() -> (n: temp int, rows: temp list[file], note: temp json?, page: temp file) {
  sh "echo 1 > {{n}}; echo {{rows}} {{note}} {{page}}"
}

task printed() -> temp str { sh "echo hello" }

values()
printed()
