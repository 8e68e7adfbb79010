## A param of each scalar type, with and without a default.

param flag: bool = false      ## off by default
param n: int
param ratio: float = 1        ## an int goes where a float is wanted
param name: str = "x"
param wait: duration = 1h30m
param room: size = 64MiB
param page: file = file("in/a.txt")
param folder: dir = dir("in/")
param extra: json = {any: [1, none]}
param note: str? = none
output all = [str(flag), str(n), str(ratio), name, str(wait), str(room), str(page), str(folder), str(extra), note ?? "-"]
