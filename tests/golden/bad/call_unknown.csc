task fetch(url: str) { sh "curl {{url}}" }
fecth("a")
output n = length([1])
output y = read_yaml("a.yml")
