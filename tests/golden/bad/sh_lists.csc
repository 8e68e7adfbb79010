task t(xs: list[str], ys: list[int?]) {
  sh """
    cat < {{xs}} > {{xs}}
    case {{xs}} in a) ;; esac
    [[ -f {{xs}} ]] && [ -n {{xs}} ] && cat <<< {{xs}}
    echo {a,{{xs}}} {{ys}}
  """
}
t([], [])
