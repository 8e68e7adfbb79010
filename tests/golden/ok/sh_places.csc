## Where values may stand in a script.

task t(a: str, xs: list[str], p: file, n: int) -> o: file = "o/{{n}}" {
  sh """
    # {{a}} in a comment
    x={{a}} y=pre{{a}}post
    echo {{a}} --name={{a}} "in {{a}} and {{xs}}" {{xs}} 'one {{a}} two' $'\t{{a}}' '$x' > {{o}} 2>&1
    for f in {{xs}}; do cat "$f" {{p}} | sort -k {{n}} >> {{o}}; done
    if test -e {{p}} && [ {{n}} -gt 3 ]; then echo "$HOME/${x}" "$(cat {{p}} | wc -l)"; fi
    case {{a}} in x) echo {{a}};; esac
    cat <<END - <<< {{a}}
    {{a}} and $(echo {{a}})
    END
    [[ {{a}} == x* && {{n}} -lt 3 ]] && echo $(( {{n}} + 1 ))
    ys=( {{xs}} ); ys[{{n}}]={{a}}
    f() { local z={{a}}; cat <(echo {{a}}) {a,{{a}}}; }
    ls {{opt("--all", n > 1)}} {{raw("| wc -l")}}
  """
}
task posix(a: str, xs: list[str]) {
  shell "dash -eu"
  sh "printf '%s\n' {{a}} {{xs}} 'x {{a}}'"
}
t("a", ["b"], file("p"), 1)
posix("a", [])
