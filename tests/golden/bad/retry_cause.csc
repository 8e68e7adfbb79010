task t() {
  retry 2 on timout, 75
  sh "true"
}
t()
