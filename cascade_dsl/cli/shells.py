"""The completion scripts of bash, zsh and fish: thin, since all of them ask `cascade __complete`."""

from __future__ import annotations

from .parse import Parsed, misuse

BASH = r"""# Completion of cascade for bash. For good: put this line into ~/.bashrc
#   eval "$(cascade completion bash)"

_cascade() {
  # Bash has split the line at `:` and `=` too, which are parts of words here: what touches is joined again.
  local line=${COMP_LINE:0:COMP_POINT} i rest word part=
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    rest=${line#"${line%%[![:space:]]*}"}
    ((i == COMP_CWORD)) && word=$rest
    if ((i > 0)) && [[ $rest == "$line" && -n $line ]]; then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    line=${rest#"$word"}
  done
  local current=${words[${#words[@]}-1]}
  # What bash replaces is the last part alone; a part of nothing but `:` or `=` is not replaced.
  part=$word
  [[ $part =~ ^[:=]+$ && $current != "$part" ]] && part=
  local prefix=${current%"$part"} quote=
  for i in "${!words[@]}"; do
    word=${words[i]}
    case $word in
      \'*) words[i]=${word#\'} words[i]=${words[i]%\'} ;;
      \"*) words[i]=${word#\"} words[i]=${words[i]%\"} ;;
      *) words[i]=${word//\\/} ;;
    esac
  done
  [[ $current == [\'\"]* ]] && quote=1 prefix=
  local typed=${words[${#words[@]}-1]} value about ending program=${COMP_WORDS[0]}
  [[ $program == '~'* ]] && program=$HOME${program#'~'}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == $'\t'* ]]; then
      case $line in
        $'\tnospace') compopt -o nospace 2> /dev/null ;;
        $'\tdirs') _cascade_paths "${typed#"$prefix"}" -d ;;
        $'\tfiles'*)
          read -r _ about <<< "$line"
          _cascade_paths "${typed#"$prefix"}" -d
          if [[ -z $about ]]; then _cascade_paths "${typed#"$prefix"}" -f; fi
          for ending in $about; do _cascade_paths "${typed#"$prefix"}" -f -X "!*.$ending"; done
          ;;
      esac
      continue
    fi
    value=${line%%$'\t'*}
    value=${value#"$prefix"}
    [[ -n $quote ]] || printf -v value %q "$value"
    COMPREPLY+=("$value")
  done < <("$program" __complete "${words[@]:1}" 2> /dev/null)
}

_cascade_paths() {
  local typed=$1 path
  shift
  compopt -o filenames 2> /dev/null
  while IFS= read -r path; do
    [[ " ${COMPREPLY[*]} " == *" $path "* ]] || COMPREPLY+=("$path")
  done < <(compgen "$@" -- "$typed")
}

complete -o nosort -F _cascade cascade 2> /dev/null || complete -F _cascade cascade
"""

ZSH = r"""#compdef cascade
# Completion of cascade for zsh. For good: put this line into ~/.zshrc, after compinit
#   eval "$(cascade completion zsh)"

_cascade() {
  local line value about
  local -a items plain endings space
  local -i files=0 dirs=0
  while IFS= read -r line; do
    case $line in
      $'\tnospace') space=(-S '') ;;
      $'\tdirs') dirs=1 ;;
      $'\tfiles'*) files=1; endings=(${=${line#$'\tfiles'}}) ;;
      *)
        value=${line%%$'\t'*} about=${line#*$'\t'}
        items+=("${value//:/\\:}${about:+:$about}")
        ;;
    esac
  done < <("${(Q)~words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)
  local -i found=1
  (( $#items )) && _describe -V cascade items "$space[@]" && found=0
  # the path after `--option=` is a word of its own
  (( files || dirs )) && [[ $PREFIX == --*=* ]] && compset -P '*='
  (( dirs )) && _files -/ && found=0
  if (( files )); then
    if (( $#endings )); then _files -g "${(j: :)${endings/#/*.}}" && found=0; else _files && found=0; fi
  fi
  return found
}

if [[ $funcstack[1] == _cascade ]]; then _cascade "$@"; else compdef _cascade cascade; fi
"""

FISH = r"""# Completion of cascade for fish. For good: write this file to ~/.config/fish/completions/cascade.fish
#   cascade completion fish > ~/.config/fish/completions/cascade.fish

function __cascade_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command $words[1] __complete $words[2..-1] "$current" 2> /dev/null)
        switch $line
            case \tnospace
            case \tdirs
                __cascade_paths "$current" /
            case \tfiles
                __cascade_paths "$current" ''
            case \tfiles\*
                __cascade_paths "$current" / .(string split ' ' (string replace \t'files ' '' -- $line))
            case '*'
                echo $line
        end
    end
end

function __cascade_paths -a current
    # after `--option=` begins the path
    set -l option (string match -r -- '^--[^=]*=|' "$current")
    set -l path (string replace -r -- '^--[^=]*=' '' "$current")
    for found in (__fish_complete_path "$path" | string replace -r '\t.*' '')
        for ending in $argv[2..-1]
            if test "$ending" = (string sub -s -(math max 1, (string length -- "$ending")) -- "$found"); or test -z "$ending"
                echo $option$found
                break
            end
        end
    end
end

complete -c cascade -f -k -a '(__cascade_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(parsed: Parsed) -> int:
    """Print the script of a shell."""
    shell = parsed.args[0].rsplit("/", 1)[-1]  # `$SHELL` is a path
    if shell not in SCRIPTS:
        raise misuse(parsed.verb, f"there is completion for {', '.join(SCRIPTS)}, not for `{shell}`")
    print(SCRIPTS[shell], end="")
    return 0
