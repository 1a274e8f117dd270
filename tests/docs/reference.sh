#!/usr/bin/env bash
# Goal: the reference is made from the headers without a warning, and has what users look for, and nothing that is not theirs.
# Method: Doxygen, which fails at a warning; then a look at its pages, and a header with a mistake, which must be found.
#
#   reference.sh DOXYGEN DOXYFILE OUTPUT
set -euo pipefail
doxygen=$1 doxyfile=$2 output=$3

rm -rf "$output"
mkdir -p "$output"
"$doxygen" "$doxyfile"

failures=0
wrong() {
  echo "reference: $*"
  failures=$((failures + 1))
}
for page in index classmobula_1_1future classmobula_1_1actor classmobula_1_1runtime structmobula_1_1task__options \
  classmobula_1_1task__error classmobula_1_1queue namespacemobula_1_1testing; do
  [[ -s $output/html/$page.html ]] || wrong "there is no page $page"
done
for name in async get put spawn wait cancel; do
  grep -q "\\b$name\\b" "$output/html/namespacemobula.html" || wrong "mobula::$name is not in the reference"
done
detail=$(find "$output/html" -name '*detail*' | head -n 3)
[[ -z $detail ]] || wrong "it shows details: $detail"

# A link to nothing, and a tag that is not closed.
mkdir -p "$output/wrong"
printf '%s\n' '#pragma once' '' '/// What it is for.' '' '/// See \ref nothing_at_all, <b>loudly.' 'int wrong();' \
  >"$output/wrong/wrong.hpp"
{
  cat "$doxyfile"
  printf '%s\n' "INPUT = $output/wrong" "OUTPUT_DIRECTORY = $output/wrong" 'USE_MDFILE_AS_MAINPAGE ='
} >"$output/wrong/Doxyfile"
if "$doxygen" "$output/wrong/Doxyfile" >"$output/wrong/log" 2>&1; then
  wrong 'a wrong comment is not found'
fi
for mistake in "reference to 'nothing_at_all'" 'command </b>'; do
  grep -q "$mistake" "$output/wrong/log" || wrong "not found: $mistake"
done

echo "$(find "$output/html" -name '*.html' | wc -l) pages, $failures failures"
((failures == 0))
