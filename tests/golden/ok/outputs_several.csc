## Several outputs, each of any form: a command writes values at their paths, a python body returns a record of them.

task map(id: str) -> (bam: file = "out/{{id}}.bam", stats: json, reads: int, log: file, note: file?) {
  sh """
    echo {{id}} > {{bam}}
    echo '{"mapped": 3}' > {{stats}}
    echo 7 | tee {{log}} > {{reads}}
    if [ -n {{id}} ]; then echo odd > {{note}}; fi
  """
}

task cut(id: str) -> (parts: list[file] = "parts/{{id}}-*.txt", pairs: list[dir] = "pairs/{{id}}/*", count: int) {
  in scratch
  exec ["./split.sh", id, count]
}

task plot(id: str) -> (svg: file = "out/{{id}}.svg", width: int, title: str?) {
  python "open(svg, 'w').close(); return {'width': 3}"
}

task one(id: str) -> (n: int) { sh "echo 3 > {{n}}" }

m = map("a")
s = cut("a")
p = plot("a")
n = one("a")
output mapped = m.stats.mapped
output title = p.title ?? "none"
output paths = [m.bam, m.log, p.svg]
output parts = s.parts
output total = s.count + m.reads + p.width + n.n
