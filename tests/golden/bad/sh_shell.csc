task t(x: str) {
  shell "fish"
  sh "echo {{x}}"
}
task u() { shell ""; sh "true" }
t("a")
