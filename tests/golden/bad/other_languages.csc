import os
from lib import helper

def clean(x):
    x = x.strip()
    if x == "":
        return None
    return x

rule align:
    input: "a.fq"
    output: "a.bam"
    shell: "bwa mem {input} > {output}"

process count {
  input:
  path x
  script:
  """
  wc -l ${x}
  """
}

let total = undefined_name + 1
output t = total
