## A path that depends on the outer `for` alone.

task copy(a: str, n: int) -> page: file = "out/{{a}}.txt" { sh "echo {{n}} > {{page}}" }
task fine(a: str, n: int) -> page: file = "fine/{{a}}-{{n}}.txt" { sh "echo {{n}} > {{page}}" }
copies = [copy(a, n) for a in ["x", "y"] for n in [1, 2]]
fines = [fine(a, n) for a in ["x", "y"] for n in [1, 2]]
output all = copies + fines
