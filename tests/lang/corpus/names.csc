limit = 3
task = limit
test = test(3)
param = param.x
output = output[0]
type = 1
flow = [secret, use, finally, with, after, max]
repeat = 2
return = 3
repeat(3)
task limit(file: file, task: str, temp: int, by: int) -> temp: file {
  requires limit = 1, requires = 2
  tag tag, in_
  sh "{{task}} {{limit.task}}"
}
max = max(a, while = 1)
x = a.if.else.task
y = {task: 1, limit: 2}
with_ = [limit for limit in task]
off = 1
task offs(off: str) { cache off; exec [off] }
