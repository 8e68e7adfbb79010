## Words of the language as names, where they declare nothing.

task limit_of(limit: int, file: str, task: bool) -> str { sh "echo {{limit}} {{file}} {{task}}" }
size = 3   # allow: hidden-function
output x = limit_of(limit = size, file = "f", task = true)
