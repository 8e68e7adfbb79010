param n: int = 3
a := n
b: int = n
c = n = 3
d = n is none
e = n AND n
f = n ? 1 : 2
g = [1 2]
h = {a = 1}
i = {a: 1 b: 2}
j = 10 minutes + 3 gb
k = len([1], xs: 2)
l = n || n
m += 1
output o = !n
output p: n
