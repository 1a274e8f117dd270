# For the tests of the checkers: a scratch directory, and a function that runs a checker and knows what it must say.

set -euo pipefail

# The one that the tests' commands run in. It is below the build directory, where CTest starts them.
scratch=$(mktemp -d -p .)
trap 'rm -rf "$scratch"' EXIT

checks=0 wrong=0

# expect <exit status> <text that must be in the output, or nothing> <command>...
expect() {
  local status_expected=$1 text=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  checks=$((checks + 1))
  if ((status != status_expected)) || [[ $output != *"$text"* ]]; then
    wrong=$((wrong + 1))
    printf '%s\n' "WRONG: $*" "ended with $status, not $status_expected, or lacks '$text' in:" "$output"
  fi
}

finish() {
  printf '%s\n' "$checks checks, $wrong wrong"
  ((wrong == 0 && checks > 0))
}
