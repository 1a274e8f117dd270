#!/usr/bin/env bash
# Goal: docs/COMPILE_ERRORS.md is true.
# Method: each of its twenty sections has what was written, what both compilers say and a source of
# tests/must_not_compile/ in which the code stands; each line of its table has a sentence and a source. The tests of these
# sources compare the messages with what the compilers print.
#
#   compile_errors.sh ROOT [PAGE]
set -euo pipefail
root=$1 page=${2:-$1/docs/COMPILE_ERRORS.md}

failures=0
wrong() {
  printf '%s\n' "$page: $*"
  failures=$((failures + 1))
}
flat() { sed -E 's/^[ \t]+//; s/[ \t]+$//'; }

# Tabs would run together where a field is empty.
rows=$(awk -f "$root/tests/support/error_rows.awk" "$page" | tr '\t' '\037')
[[ $rows == versions* ]] || wrong 'no line says "g++ N and clang N"'

sections=0 others=0
while IFS=$'\037' read -r kind number source gnu clang code; do
  [[ $kind == row ]] || continue
  title="section $number"
  if [[ -z $number ]]; then
    others=$((others + 1))
    title="line $others of the table"
    [[ $gnu == 'mobula: '* ]] || wrong "$title has no sentence of Mobula's: $gnu"
  else
    sections=$((sections + 1))
    ((number == sections)) || wrong "$title is the ${sections}th"
    [[ -n $gnu ]] || wrong "$title does not say what g++ says"
    [[ -n $clang ]] || wrong "$title does not say what clang says"
    [[ -n $code ]] || wrong "$title does not say what was written"
  fi
  if [[ -z $source ]]; then
    wrong "$title names no source in tests/must_not_compile/"
  elif [[ ! -e $root/tests/must_not_compile/$source ]]; then
    wrong "$title names $source, which is not there"
  elif [[ -n $code ]]; then
    text=$(flat <"$root/tests/must_not_compile/$source")
    code=$(tr '\001' '\n' <<<"${code#$'\001'}" | flat)
    [[ $'\n'$text$'\n' == *$'\n'"$code"$'\n'* ]] || wrong "$title shows what does not stand in $source"
  fi
done <<<"$rows"
((sections == 20)) || wrong "there are $sections sections, not 20"

echo "$sections sections, $others lines, $failures failures"
((failures == 0))
