task t(x: str) {
  shell "fish"
  sh "echo {{x}}"
}
task u() { shell ""; sh "true" }
task v(x: str) {
  shell "/usr/bin/env zsh -f"
  sh "echo {{x}}"
}
t("a")
v("a")
