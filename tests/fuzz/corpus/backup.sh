#!/bin/sh
# Keep the newest seven copies of a folder; it's run by hand.
set -eu

usage() {
	cat >&2 <<EOF
Usage: $0 [-n] FROM TO    (copies \`FROM\`, prints "$(date +%Y)")
	-n	don't copy
EOF
	exit 2
}

dry= keep=7
while getopts n option; do
	case $option in
	(n) dry=echo ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || usage
from=${1%/} to="${2:-/var/backups}"

if ! [ -d "$from" ] || [ "x$from" = x/ ]; then
	echo "$0: '$from' is no folder" >&2; exit 1
elif test -e "$to/lock"; then
	printf '%s: %s\n' "$0" "locked by $(cat "$to/lock" 2>/dev/null || echo "nobody's process")"
	exit 75
else
	: > "$to/lock"
fi
trap 'rm -f "$to/lock"' EXIT

name=`basename "$from"`-$(date +%s)
${dry} cp -a -- "$from" "$to/$name" && (cd "$to" && ls -1t | grep "^$(basename "$from")-" |
	tail -n +$((keep + 1))) | while IFS= read -r old; do
	$dry rm -rf -- "${to:?}/$old" # an old one
done
for file in "$to"/*.log ~/x.log; do [ -f "$file" ] && { gzip -9 "$file"; }; done || :
