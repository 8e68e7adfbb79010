task t(a: str, n: int, xs: list[str]) {
  sh """
    echo '{{a}}' $'{{a}}' `echo {{a}}` $(cat {{a}}) ${x:-{{a}}}
    x[{{n}}]=1; (( y = {{n}} )); [[ -f {{a}} ]] && echo "$(( {{a}} ))"
    case {{a}} in x) ;; esac
    cat <<END
    {{a}}
    END
    eval {{a}}; printf -v {{a}} x; export {{a}}; ys=({{xs}})
    cat --in={{xs}} <({{a}}) {a,{{a}}}
  """
}
t("a", 1, [])
