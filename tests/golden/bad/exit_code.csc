task t() {
  retry 3 on 300
  sh "true"
}
t()
