x = 3 + 5min
output y = 4Gb
