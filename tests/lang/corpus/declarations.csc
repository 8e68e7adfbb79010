use std.http
use "lib/qc.csc"
use "lib/qc.csc" as check
use "lib/qc.csc" (k = 3, depth = 2 + 1) as deep
param top: int
param urls: list[str] = ["https://a.example"]
secret TOKEN
type Sample = {id: str, reads: list[file]}
limit global 16
task nothing() { sh "true" }
flow twice(x: int) -> int { return 2 * x }
flow effect(x: int) {
  nothing()
}
finally { nothing() }
