## Where values may stand in a script: bare, joined, in double quotes, in redirections, assignments and loops.

task t(a: str, xs: list[str], p: file, n: int) -> o: file = "o/{{n}}" {
  sh """
    # {{a}} in a comment
    x={{a}}
    echo {{a}} --name={{a}} "in {{a}} and {{xs}}" {{xs}} '$x' > {{o}} 2>&1
    for f in {{xs}}; do cat "$f" {{p}} | sort -k {{n}} >> {{o}}; done
    if test -e {{p}} && [ {{n}} -gt 3 ]; then echo "$HOME/${x}"; fi
  """
}
t("a", ["b"], file("p"), 1)
