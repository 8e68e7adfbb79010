task t(a: str, f: float, n: int, xs: list[int], j: json) {
  sh """
    echo $(( {{a}} + {{f}} )) $[ {{a}} ]; (( x = {{xs}} ))
    x[{{a}}]=1; [[ {{a}} -eq {{j}} ]]; [[ -v {{a}} ]]; [ -v "{{a}}" ]
    declare -i y; y={{a}}; RANDOM={{a}}; for y in {{xs}}; do :; done
    echo >&{{a}} x[{{a}}]
    echo $(( {{n}} )) {{n}}
  """
}
t("a", 1.5, 2, [], 3)
