x = "abc
output y = 3
