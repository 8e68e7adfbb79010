limit global -1
limit task:t 1.5
limit mem 3
limit cpu 4GB
limit tag:a 10s
task t() { tag a; sh "true" }
t()
