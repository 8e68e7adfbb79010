task quote(a: str) { sh "echo {{a}} 'it" }
task block(a: str) { sh """
  if test {{a}}; then
    echo {{a}}
  """ }
task stray(a: str) { sh "echo {{a}}; done" }
task here(a: str) { sh """
  cat <<END
  {{a}}
   END
  """ }
task ends(a: str) { sh """
  cat <<{{a}}
  x
  """ }
task aliased(a: str) { sh "alias x=y; x {{a}}" }
task posix(a: str) {
  shell "sh -eu"
  sh "[[ -f {{a}} ]] && echo yes"
}
task arrays(a: str) {
  shell "dash"
  sh "a=({{a}})"
}
task ansi(a: str) {
  shell "dash"
  sh "echo $'{{a}}'"
}
quote("a"); block("a"); stray("a"); here("a"); ends("a"); aliased("a"); posix("a"); arrays("a"); ansi("a")
