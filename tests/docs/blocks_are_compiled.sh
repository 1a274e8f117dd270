#!/usr/bin/env bash
# Goal: a reader can copy any C++ from the documentation and it compiles.
# Method: every ```cpp block of README.md and docs/*.md must stand, line after line, in a source that the build compiles
# (indentation apart). That a block which stands nowhere is found is tried with one that is made up.
#
#   blocks_are_compiled.sh ROOT
set -euo pipefail
cd "$1"
shopt -s nullglob globstar

# Prints the text without indentation.
flat() { sed -E 's/^[ \t]+//; s/[ \t]+$//' "$@"; }

declare -A texts
for source in examples/*.cpp examples/**/*.[ch]pp tests/**/*.cpp; do
  texts[$source]=$(flat "$source")
done

# Is the block $1 in one of the sources?
is_compiled() {
  local source block
  block=$(flat <<<"$1")
  for source in "${!texts[@]}"; do
    [[ $'\n'${texts[$source]}$'\n' != *$'\n'"$block"$'\n'* ]] || return 0
  done
  return 1
}

failures=0 blocks=0
for document in README.md docs/*.md; do
  inside=false block='' number=0
  while IFS= read -r line; do
    number=$((number + 1))
    if ! $inside && [[ $line == '```cpp'* ]]; then
      inside=true block='' start=$number
    elif $inside && [[ $line == '```' ]]; then
      inside=false blocks=$((blocks + 1))
      if ! is_compiled "${block%$'\n'}"; then
        echo "$document:$start: no source under examples/ or tests/ has this block:"
        printf '%s' "$block"
        failures=$((failures + 1))
      fi
    elif $inside; then
      block+=$line$'\n'
    fi
  done <"$document"
done

if is_compiled 'int stands_nowhere() {'$'\n''  return 4711;'; then
  echo 'this script takes everything for compiled'
  failures=$((failures + 1))
fi
echo "$blocks blocks, $failures failures"
((failures == 0 && blocks > 0))
