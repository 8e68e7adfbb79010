task f(a: int) {
	sh "echo {{a}}"
	retry = 3
}
f(1)
if top > 3 {
  f(2)
} elif top > 2 {
  f(3)
} else
{
  f(4)
}
x = f(1) if y
for i in range(3):
  f(i)
f(1, 2
