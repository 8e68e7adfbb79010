limit task:t 3
task t() {
  limit 4
  sh "true"
}
t()
