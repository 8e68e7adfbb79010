## Resources of which nobody says how much there is.

limit database 3

task load(n: int) {
  requires cpu = 1, mem = 1GB, gpu = 0, database, databse, licence = 2
  sh "echo {{n}}"
}
load(1)
load(2) with { requires token = 1 }
