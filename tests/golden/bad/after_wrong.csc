task t() { sh "true" }
p = t()
t() after t
t() after q
xs = [t() after x for x in range(2)]
for y in [1] { t() after p }
n = [len([z]) after z for z in [1]]
