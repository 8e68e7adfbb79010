type Mode = "fast" | "safe"
param mode: Mode = "fats"
task t(m: Mode) { sh "echo {{m}}" }
t("slow")
t(str(mode))
