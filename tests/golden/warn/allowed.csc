## What `# allow:` spares: on the line, at the end of a script, right above; and what it does not.

param old: int = 1   # allow: unused-param
# allow: unused-binding
spare = 2
param older: int = 1   # allow: unused-parm
param oldest: int = 1   # allow: CSCW002
param top: int = 1   # allow: unused-param, unused-task
text = "# allow: unused-task"   # allow: 3 of them, at most

task never(n: int) -> int {   # allow: unused-task
  requires thing   # allow: unlimited-demand
  sh """
    # allow: unused-parm
    echo {n} # allow: single-braces
    echo {n} \
      {n}
  """   # allow: single-braces
}
output n = top + len(text)
