x = 1
x + 1
len([x])
