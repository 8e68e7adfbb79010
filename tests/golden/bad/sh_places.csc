task t(a: str, n: int, xs: list[str]) {
  sh """
    echo `echo {{a}}` ${x:-{{a}}} "${x:-{{a}}}" ${{a}} "${{a}}"
    case x in {{a}}) ;; a|"{{a}}") ;; esac; [[ x =~ ^{{a}} ]]
    cat <<'END'
    {{a}} {{xs}}
    END
    printf -v {{a}} x; export {{a}}; export {{a}}=1; {{a}}=1; read {{a}}; unset "{{a}}"; let x={{n}}
    for {{a}} in x; do :; done; {{a}}() { :; }
    trap 'rm {{a}}' EXIT; PS4={{a}}; BASH_ENV={{a}} bash x; complete -C {{a}} x
    echo ~{{a}} {1..{{n}}} @({{a}}|b); x["{{a}}"]=1; x[1+{{n}}]=1
    echo $((x{{n}})) $(( "{{n}}" )) $((x[{{n}}]))
    ys=(1); declare ys={{a}}; declare -n r={{a}}; [ {{a}} {{a}} ]; [ "$x" {{a}} ]
  """
}
t("a", 1, [])
