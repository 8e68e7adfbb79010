## What the file is for.
##  Indented.

## of a
param a: int
param b: int   ## of b
## above c
## and more
param c: int = 1  ## beside c
# plain
param d: int
## not adjacent

param e: int
### a rule
param f: int
## of the task
task t(
  ## of x
  x: int,
  y: int,  ## of y
  z: int   ## of z
) -> (p: file,  ## of p
      q: json) {   ## in the header
  sh "## no comment"
}
## of out
output out = t(1, 2, 3).q
g = 1 ## of g
