x = [1, 2
output y = 3
