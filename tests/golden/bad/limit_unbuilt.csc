limit flow:train 2
limit flow:t* 2 whole
task t(host: str) { sh "true" }
t("a")
