task t(host: str) {
  limit 10/s burst 20
  limit 2 by host
  sh "true"
}
t("a")
