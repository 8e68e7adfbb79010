limit task:fecth 3
limit tag:slow 1
task fetch() { sh "true" }
fetch()
