task fetch(url: str) {
  requres cpu = 2
  sh "curl -fsS {{url}}"
}
prams n: int
fetch("a")
