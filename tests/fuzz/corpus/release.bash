#!/usr/bin/env bash
# shellcheck disable=SC2034
set -euo pipefail
shopt -s extglob nullglob

declare -A images=( [base]="debian:12" ['app']='registry/app' )
declare -i tries=3
args=( --quiet
  --label "stage=$(git rev-parse --short HEAD 2>/dev/null || echo none)"  # it's optional
  "${@:2}" )

function log { local level=$1; shift; printf '%s [%s] %s\n' "$(date -Is)" "${level^^}" "$*" >&2; }
fail() { log error "$@"; exit "${code:-1}"; }

build() (
  cd "$1" || return
  [[ -f Makefile && ! -e .skip ]] || { log info "nothing in $1"; return 0; }
  if [[ $1 =~ ^(lib|app)/([a-z]+)$ ]]; then name=${BASH_REMATCH[2]}; fi
  make -j$(( $(nproc) / 2 + 1 )) "NAME=${name:-"un named"}" 2> >(sed 's/^/  | /' >&2)
)

for (( i = 0; i < ${#images[@]}; i++ )); do (( i % 2 == 0 )) && echo $'tab\there' "$i"; done
for dir in lib/!(old|tmp) app/{one,two}; do build "$dir" & done; wait
until (( tries-- == 0 )) || curl -fsS "https://example.org/${1-}?q=a&b=c" -o /dev/null; do sleep 0.1; done

case "${1:-}" in
  --help | -h) cat <<-'HELP'
	usage: release.bash [--help] $DIR `x`
	HELP
	;;
  +([0-9])) echo "number: $1" ;&
  v*.*) tag=${1#v} ;;
  *) while read -r line || [[ -n $line ]]; do
       echo "${line//\"/\\\"}"
     done < <(git tag -l 'v*' | sort -V) ;;
esac

python3 - "${args[@]}" <<PY
import sys
print("$USER", sys.argv[1:], '''$(id -u)''')
PY
grep -q x <<< "${images[*]}" && images[new]=$(< /etc/hostname) || true
time { echo "done: ${#args[*]} of $tries"; } |& tee -a "${LOG:=/tmp/release.log}"
