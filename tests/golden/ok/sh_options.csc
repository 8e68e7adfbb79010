## `opt` gives words or none; a list becomes a word for each item.

param limit_: int? = none
task t(n: int?, quiet: bool) -> str { sh "grep {{opt("-m", n)}} {{opt("-q", quiet)}} x" }
output r = t(limit_, true)
