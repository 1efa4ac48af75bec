#!/bin/sh
# mawk with its sums in an array: `awk.sh PROCESSES OUT FILE...`. The sums of several processes are merged.
set -eu
export LC_ALL=C
processes=$1 out=$2
shift 2
show='END { for (group in sums) printf "%s,%.17g\n", group, sums[group] }'
sum="{ sums[substr(\$1, 1, 8)] += \$4 } $show"
merge="{ sums[\$1] += \$2 } $show"

if [ "$processes" = 1 ]; then
    exec mawk -F, "$sum" "$@" > "$out"
fi
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
share=$((($# + processes - 1) / processes))
export sum parts
printf '%s\0' "$@" | xargs -0 -P "$processes" -n "$share" sh -c 'mawk -F, "$sum" "$@" > "$parts/$$"' awk
mawk -F, "$merge" "$parts"/* > "$out"
