type Mode = "fast" | "safe"
param mode: Mode = "fast"
param modes: list[Mode] = ["fast", "sfae"]
param maybe: Mode? = none
task t(m: Mode, s: str = "x") { sh "echo {{m}} {{s}}" }
name = "fsat"
t(name)
t("fast" if mode == "safe" else "slow")
t(maybe)
output a = mode == "fats"
output b = mode in ["safe", "slow"]
output c = "quick" in modes
output d = maybe != "none"
