#!/usr/bin/env bash
# Passes where a compiler refuses a source with the messages that the source promises.
#
#   must_not_compile.sh SOURCE COMPILER [FLAG...]
#
# The first lines of SOURCE say what must be in the compiler's output, as extended regular expressions, each of which
# must match within one line; how many errors there may be at most; and flags to add:
#
#   // expect: returns a pointer
#   // errors: 2
#   // flags: -DMOBULA_SOMETHING
#
# That the same flags accept a correct program is checked with FLAG --must-compile before SOURCE: a broken include path
# would otherwise make every one of these tests pass that expects little.
set -euo pipefail

must_compile=no
if [[ $1 == --must-compile ]]; then
  must_compile=yes
  shift
fi
source=$1
shift

say() { printf '%s\n' "must_not_compile: $*"; }

expected=() flags=() errors_max=''
while IFS= read -r line; do
  case $line in
    '// expect: '*) expected+=("${line#// expect: }") ;;
    '// errors: '*) errors_max=${line#// errors: } ;;
    '// flags: '*) read -r -a flags <<<"${line#// flags: }" ;;
    //*) ;;
    *) break ;;
  esac
done <"$source"

status=0
output=$("$@" "${flags[@]}" -fsyntax-only "$source" 2>&1) || status=$?

if [[ $must_compile == yes ]]; then
  if ((status != 0)); then
    say "$source was refused:"
    printf '%s\n' "$output"
    exit 1
  fi
  exit 0
fi

if ((${#expected[@]} == 0)); then
  say "$source has no line \"// expect: REGEX\" at its beginning"
  exit 1
fi
if ((status == 0)); then
  say "$source was accepted"
  exit 1
fi
failed=no
for regex in "${expected[@]}"; do
  if ! grep -Eq -- "$regex" <<<"$output"; then
    say "no line of the compiler's output matches: $regex"
    failed=yes
  fi
done
errors=$(grep -Ec '(^|[ :])(fatal )?error: ' <<<"$output" || true)
if [[ -n $errors_max ]] && ((errors > errors_max)); then
  say "there are $errors errors, not at most $errors_max"
  failed=yes
fi
if [[ $failed == yes ]]; then
  printf '%s\n' "$output"
  exit 1
fi
say "refused, as it must be, with $errors errors"
