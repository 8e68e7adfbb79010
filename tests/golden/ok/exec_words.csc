## `exec` runs a program without a shell; a list becomes several words.

task t(n: int, files: list[file]) -> str { exec ["sort", "-k{{n}}", n, files] }
task u(words: list[str]) { exec words }
output x = t(2, [file("a"), file("b")])
u(["true"])
