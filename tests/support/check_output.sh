#!/usr/bin/env bash
# Runs the commands in the first comment of a C++ source and compares what they print with what stands there.
#
#   check_output.sh SOURCE NAME EXECUTABLE
#
# The comment block at the top of SOURCE holds, among prose, lines like
#
#   //   $ ./NAME --some argument
#   //   the first line it prints
#   //   ...
#   //   [exit 1]
#
# A line of three dots alone stands for any number of lines, three dots within a line for any text. Only standard output
# is compared; a command may say 2>&1. [exit N] last says that the command ends with N; otherwise it must end with 0.
# The block of one command ends at the next `$`, at prose (a comment that is indented less) or with the comment.
set -euo pipefail

source=$1 name=$2 executable=$(readlink -f "$3")

say() { printf '%s\n' "check_output: $*"; }

# Does text $1 match pattern $2? Three dots in it stand for any text, everything else for itself.
matches() {
  local text=$1 pattern=$2 piece
  if [[ $pattern != *...* ]]; then
    [[ $text == "$pattern" ]]
    return
  fi
  piece=${pattern%%...*} pattern=${pattern#*...}
  [[ $text == "$piece"* ]] || return 1
  text=${text:${#piece}}
  while [[ $pattern == *...* ]]; do
    piece=${pattern%%...*} pattern=${pattern#*...}
    [[ $text == *"$piece"* ]] || return 1
    text=${text#*"$piece"}
  done
  [[ $text == *"$pattern" ]]
}

# Do the lines `actual` match the lines `expected`? A lone `...` first takes no lines, and one more whenever the rest fails.
lines_match() {
  local a=0 e=0 dots=-1 taken=0
  while ((a < ${#actual[@]})); do
    if ((e < ${#expected[@]})) && [[ ${expected[e]} == ... ]]; then
      dots=$e taken=$a
      e=$((e + 1))
    elif ((e < ${#expected[@]})) && matches "${actual[a]}" "${expected[e]}"; then
      a=$((a + 1)) e=$((e + 1))
    elif ((dots >= 0)); then
      taken=$((taken + 1))
      a=$taken e=$((dots + 1))
    else
      return 1
    fi
  done
  while ((e < ${#expected[@]})) && [[ ${expected[e]} == ... ]]; do
    e=$((e + 1))
  done
  ((e == ${#expected[@]}))
}

directory=$(mktemp -d -p .)
trap 'rm -rf "$directory"' EXIT
ln -s "$executable" "$directory/$name"

commands=0 failures=0 command='' expected=()

# Runs `command`, if there is one, and compares.
finish() {
  [[ -n $command ]] || return 0
  while ((${#expected[@]})) && [[ -z ${expected[-1]} ]]; do
    unset 'expected[-1]'
  done
  local status_expected=0 status=0 output actual=()
  if ((${#expected[@]})) && [[ ${expected[-1]} =~ ^\[exit\ ([0-9]+)\]$ ]]; then
    status_expected=${BASH_REMATCH[1]}
    unset 'expected[-1]'
  fi
  output=$(cd "$directory" && bash -c "$command" </dev/null && printf .) || status=$?
  if ((status == 0)); then
    output=${output%.}  # the dot kept the shell from eating newlines at the end
  fi
  [[ -z $output ]] || mapfile -t actual <<<"${output%$'\n'}"

  commands=$((commands + 1))
  say "\$ $command"
  if ((status != status_expected)); then
    say "it ended with $status, not with $status_expected, and printed:"
    printf '%s\n' "$output"
    failures=$((failures + 1))
  elif ! lines_match; then
    say "it printed:"
    printf '%s\n' "${actual[@]}"
    say "but $source says:"
    printf '%s\n' "${expected[@]}"
    failures=$((failures + 1))
  fi
  command='' expected=()
}

indent=''
while IFS= read -r line; do
  [[ $line == //* ]] || break
  if [[ $line =~ ^//(\ +)\$\ (.*)$ ]] && ((${#BASH_REMATCH[1]} >= 2)); then
    next_indent=${BASH_REMATCH[1]} next_command=${BASH_REMATCH[2]}
    finish
    indent=$next_indent command=$next_command
  elif [[ -n $command && $line == "//$indent"* ]]; then
    expected+=("${line#"//$indent"}")
  elif [[ -n $command && $line =~ ^//\ *$ ]]; then
    expected+=('')
  else
    finish
  fi
done <"$source"
finish

if ((commands == 0)); then
  say "$source has no line like \"//   \$ ./$name\" in its first comment"
  exit 1
fi
say "$commands commands, $failures failures"
((failures == 0))
