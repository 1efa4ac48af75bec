#!/bin/sh
# GNU sort with two threads and 500 MB, what it cannot hold in files beside its output: `sort.sh OUT FILE...`.
# Sorts lines by the field before their first tab; lines with the same one stay in their order.
set -eu
export LC_ALL=C
out=$1
shift
exec sort --stable --field-separator="$(printf '\t')" --key=1,1 -S 500M --parallel=2 -T "${out%/*}" -o "$out" "$@"
