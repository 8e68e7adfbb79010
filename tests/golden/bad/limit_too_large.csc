limit cpu 9223372036854775807
x = 1
output y = x
