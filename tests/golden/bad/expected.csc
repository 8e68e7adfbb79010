x = 3 +
output y = x
