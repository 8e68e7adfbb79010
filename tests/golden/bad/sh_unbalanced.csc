task t(a: str) {
  sh "echo {{a}} 'it"
}
t("a")
