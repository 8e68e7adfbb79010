## Functions that read are nodes of their own, evaluated once.

param page: file = file("a.txt")
task t(n: size, xs: list[file]) -> int { sh "echo {{n}} {{xs}}" }
output x = t(size(page), glob("*.txt"))
output y = [stem(p) + ext(p) for p in glob("*.csv")]
output p = pairs("reads/*_{1,2}.fq")
