## What the file does.
## In two lines.

## before a param
param a: int = 1
param b: int = 2   ## behind a param
## what the task does
task t(x: int) -> int { sh "echo {{x}}" }
output r = t(a + b)  ## the result
