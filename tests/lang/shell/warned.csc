param options: str = "-v"
param tools: list[str] = ["ls"]

picked = "{{tools[0]}} -l"

task t(x: str, n: int, how: str) -> note: file = "note.txt" {
  sh """
    awk '/{{x}}/' f; sed "s/a/{{x}}/" f; eval {{x}}; ssh host ls {{x}}; sudo sh -c "cat {{x}}"
    find . -exec sh -c 'echo {{x}}' ';'; python3 - <<END
    print("{{x}}")
    END
    awk -v x={{x}} '$0 ~ x' {{x}}; sh -c 'cat "$1"' sh {{x}}
    m={{x}}; k={{n}}; echo $((m + k)) $(( $(wc -l {{x}}) + $(echo {{x}}) ))
    p={{x}}; eval "ls $p"; q={{x}}; read -r "$q"; f() { echo $(( $1 )); }; f {{x}}
    date > log.txt; date >> note.txt; date > {{note}}; date > /dev/null; date >&2
    date > spared.txt # allow: relative-write
    ls {{raw(how)}} {{raw("-l")}}
  """
}
task u(how: str) { sh "{{raw(how)}}" }
task away() { sh "cd /tmp; date > x" }
task apart() { in scratch; sh "date > x" }
t("a", 1, "{{options}} -a")
[u(h) for h in [picked]]
u("ls")
away()
apart()
