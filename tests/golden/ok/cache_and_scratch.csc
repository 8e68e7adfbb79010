## `cache off` and a working folder of its own.

task now_() -> str { cache off; in scratch; sh "date" }
output at = now_()
