task t(n: int) { sh "true" }
t(1) with { limit 3 }
t(2) with { shell "sh" }
t(3) with { requires mem = k }
k = 1GB
len([1]) with { retry 1 }
w = t(1) with { sh "true" }
