#!/usr/bin/env bash
# Passes where a compiler refuses a source with the messages that the source promises.
#
#   must_not_compile.sh [--page PAGE] SOURCE COMPILER [FLAG...]
#
# The first lines of SOURCE say what must be in the compiler's output, as extended regular expressions, each of which
# must match within one line; how many errors there may be at most; and flags to add:
#
#   // expect: returns a pointer
#   // errors: 2
#   // flags: -DMOBULA_SOMETHING
#
# Where PAGE, docs/COMPILE_ERRORS.md, has a row for SOURCE, the first error must be the one that the page shows: word for
# word (but for quotation marks and the spelling of inline namespaces) from the compilers whose versions it names, and
# from others the sentence that is Mobula's own.
#
# That the same flags accept a correct program is checked with FLAG --must-compile before SOURCE: a broken include path
# would otherwise make every one of these tests pass that expects little.
set -euo pipefail
export LC_ALL=C  # a compiler may translate what it says

must_compile=no page=''
while [[ $1 == --* ]]; do
  case $1 in
    --must-compile) must_compile=yes ;;
    --page) page=$2 && shift ;;
  esac
  shift
done
source=$1
shift
compiler=$1

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

# A message without what differs between libraries and locales.
plain() { sed -E "s/‘|’|\"/'/g; s/std::(__cxx11|__1)::/std::/g" <<<"$1"; }
# The part of a message that is Mobula's own, or nothing.
sentence() { plain "$1" | sed -nE "s/ \[-W[^]]*\]\$//; s/'\$//; s/.*(mobula: )/\1/p"; }

if [[ -n $page ]]; then
  printed=$(grep -Em1 '(^|[ :])(fatal )?error: ' <<<"$output" || true)
  printed=${printed#*error: }
  column=2
  [[ $("$compiler" --version) != *clang* ]] || column=3
  rows=$(awk -f "$(dirname "$0")/error_rows.awk" "$page")
  version=$("$compiler" -dumpversion)
  same_version=no
  [[ ${version%%.*} != "$(awk -F '\t' -v c=$column '$1 == "versions" { print $c }' <<<"$rows")" ]] || same_version=yes

  while IFS= read -r shown; do
    what=''
    if [[ $(sentence "$shown") != "$(sentence "$printed")" && -n $(sentence "$shown") ]]; then
      what=sentence
    elif [[ $same_version == yes && $shown != 'mobula: '* && $(plain "$shown") != "$(plain "$printed")" ]]; then
      what=message
    fi
    if [[ -n $what ]]; then
      say "the first error is not the $what that $page shows:" "$shown"
      failed=yes
    fi
  done < <(awk -F '\t' -v c=$((column + 2)) -v s="$(basename "$source")" '$1 == "row" && $3 == s { print $c }' <<<"$rows")
fi

if [[ $failed == yes ]]; then
  printf '%s\n' "$output"
  exit 1
fi
say "refused, as it must be, with $errors errors"
