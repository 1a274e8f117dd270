#!/usr/bin/env bash
# Goal: what a public header brings with it changes only where somebody has looked at the change.
# Method: tools/layers.cpp prints it, and reached.txt beside this file is what it was; both must be equal. That the front end
# is cheap is asked of the compiler too, for a header of the standard library may include another one.
#
#   reached.sh LAYERS COMPILER ROOT
#   reached.sh LAYERS COMPILER ROOT --write    accepts what is there now; the build's target write_reached does that
set -euo pipefail
layers=$1 compiler=$2 root=$3
expected=$root/tests/headers/reached.txt

now=$("$layers" "$root/include" "$root/tools/layers.txt" --reaches)
if [[ ${4:-} == --write ]]; then
  printf '%s\n' "$now" >"$expected"
  exit
fi

failures=0
if ! diff -u --label "$expected" "$expected" --label 'what is reached now' - <<<"$now"; then
  echo 'Where that is as it should be: cmake --build build/dev --target write_reached'
  failures=1
fi

# prerequisites <header>...: the files that a source with these headers depends on, one a line
prerequisites() {
  printf '#include <%s>\n' "$@" | "$compiler" -std=c++20 -I "$root/include" -M -x c++ - | tr -s ' \\' '\n\n'
}
dear='/(iostream|regex|random|future|filesystem)$|/(boost|cereal|oneapi|tbb)/'
front_end=()
for header in "$root"/include/mobula/*.hpp; do
  name=mobula/${header##*/}
  # Those that bring the backends.
  [[ $name == mobula/backends.hpp || $name == mobula/source.hpp ]] || front_end+=("$name")
done
reached=$(prerequisites "${front_end[@]}")
if grep -E "$dear" <<<"$reached"; then
  echo 'The front end reaches these.'
  failures=1
fi
# The question must be one that can be answered with yes.
grep -q '/mobula/mobula\.hpp$' <<<"$reached" || failures=1
for name in iostream regex random future filesystem; do
  grep -qE "$dear" <<<"$(prerequisites $name)" || { echo "<$name> would not be found"; failures=1; }
done

echo "${#front_end[@]} headers of the front end, $failures failures"
((failures == 0))
