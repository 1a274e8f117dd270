#!/usr/bin/env bash
# Goal: the command `mobula` does in a process what its functions do in a test: it reads files, pipes and variables, ends with
# 0 or 125, and behaves at terminals and elsewhere as such commands do. Method: it is run.
#
#   command_test.sh NAME MOBULA SOURCE BUILT
#
# runs the function NAME below with the executable MOBULA. BUILT is where the manual and the completion were made. Ends with 4
# where this machine lacks what the test needs.

. "$(dirname "$0")/../harness/expect.sh"
name=$1 mobula=$2 source=$3 built=$4

# No allocation that this test may itself run in, and no taste of the developer's.
for variable in ${!SLURM_*} ${!PBS_*} ${!LSB_*} PE_HOSTFILE NO_COLOR; do unset "$variable"; done
export TERM=xterm

skip() {
  echo "SKIPPED: $*"
  exit 4
}

# prints <text>: standard output of the command behind it is just that, with nothing on standard error
prints() {
  local wanted=$1 output errors="$scratch/errors"
  shift
  checks=$((checks + 1))
  output=$("$@" 2>"$errors") || true
  if [[ $output != "$wanted" || -s $errors ]]; then
    wrong=$((wrong + 1))
    printf '%s\n' "WRONG: $* printed:" "$output" "and as errors:" "$(<"$errors")"
  fi
}

reads_lists() {
  local table=$'HOST   SLOTS  LINE\nnode1      4  1\nnode2    all  2\n\n2 hosts, 4 slots and all CPUs of 1 host, from '
  printf 'node1 slots=4\r\nnode2\r\n' >"$scratch/machines"
  prints "$table$scratch/machines" "$mobula" hosts "$scratch/machines"
  prints "${table}standard input" "$mobula" hosts - <"$scratch/machines"
  prints "${table}standard input" bash -c "cat '$scratch/machines' | '$mobula' hosts -"
  # A pipe that has a name.
  mkfifo "$scratch/pipe"
  cat "$scratch/machines" >"$scratch/pipe" &
  prints "$table$scratch/pipe" "$mobula" hosts "$scratch/pipe"
  kill $! 2>/dev/null || true  # it waits still, where nobody has read
  wait
  expect 0 "2 hosts, 5 slots, from PBS_NODEFILE ($scratch/machines)" env PBS_NODEFILE="$scratch/machines" "$mobula" hosts
  expect 0 'node3      1  1' env SLURM_JOB_NODELIST='node[1-3]' SLURM_TASKS_PER_NODE='2(x2),1' "$mobula" hosts
  expect 0 '3 hosts, 5 slots, from SLURM_JOB_NODELIST' \
    env SLURM_JOB_NODELIST='node[1-3]' SLURM_TASKS_PER_NODE='2(x2),1' "$mobula" hosts
  expect 0 '4 hosts, all CPUs of them, from the argument' "$mobula" hosts 'node[1-4]'

  # Each list of the corpus, and JSON that a reader of JSON takes.
  local list
  command -v jq >/dev/null || return 0
  for list in "$source"/tests/lists/*.list; do
    [[ $list == *wrong_* ]] && continue
    expect 0 '' bash -c "cd '$source/tests/lists' && '$mobula' hosts --json '${list##*/}' | jq -e '.mobula_hosts == 1 and (.hosts | length) > 0'"
  done
  for list in "$source"/tests/lists/wrong_*.list; do
    expect 0 '' bash -c "'$mobula' hosts --json '$list' 2>/dev/null | jq -e '.hosts == [] and (.errors | length) > 0'"
  done
}

ends_as_it_says() {
  expect 0 'mobula hosts machines.txt' "$mobula" --help
  expect 0 "mobula $(sed -n 's/^project(mobula VERSION \([0-9.]*\) .*/\1/p' "$source/CMakeLists.txt")" "$mobula" --version
  expect 125 'a command is missing' "$mobula"
  expect 125 'there is no command "host" (did you mean hosts?)' "$mobula" host
  expect 125 'there is no file "no_such_list"' "$mobula" hosts no_such_list
  expect 125 'can'\''t be read: Is a directory' "$mobula" hosts "$scratch"
  expect 125 'standard input names no host' "$mobula" hosts - </dev/null
  expect 125 'standard input can'\''t be read: Bad file descriptor' bash -c "exec <&-; '$mobula' hosts -"
  expect 125 'this is not the allocation of a batch system' "$mobula" hosts
  expect 125 '<stdin>:2:7: error:' "$mobula" hosts - <<<$'node1\nnode2 four'
  if (($(id -u) != 0)); then
    : >"$scratch/secret"
    chmod 0 "$scratch/secret"
    expect 125 'Permission denied' "$mobula" hosts "$scratch/secret"
  fi
  # A list may be no larger than 16 MiB, and one without an end is not read to it.
  expect 125 'the list has more than 16777216 bytes' "$mobula" hosts /dev/zero
  expect 125 'more than 18' "$mobula" hosts 'n[1-99999999999999999999]'
  # What can't be written is no success.
  if [[ -w /dev/full ]]; then
    expect 125 'the output can'\''t be written: No space left on device' bash -c "'$mobula' hosts a,b >/dev/full"
    expect 125 'the output can'\''t be written: No space left on device' bash -c "'$mobula' --help >/dev/full"
  fi
  expect 0 '' bash -c "'$mobula' hosts 'n[1-100000]' | head -n 1 >/dev/null"
}

# At a terminal that util-linux's script makes.
at_a_terminal() {
  script -qec "$*" /dev/null </dev/null
}

has_colours_for_terminals_alone() {
  command -v script >/dev/null && [[ $(at_a_terminal echo here 2>&1) == here* ]] || skip "there is no working script(1)"
  local escape=$'\e['
  expect 0 "${escape}1mHOST" at_a_terminal "$mobula" hosts a,b
  expect 125 "${escape}1;31m error: " at_a_terminal "$mobula" hosts no_such_list
  local without
  for without in 'NO_COLOR=1' 'TERM=dumb'; do
    expect 1 '' bash -c "$(declare -f at_a_terminal); at_a_terminal env $without '$mobula' hosts a,b:22 | grep -F '$escape'"
  done
  # An empty one is none.
  expect 0 "${escape}1mHOST" at_a_terminal env NO_COLOR= "$mobula" hosts a,b
  expect 1 '' bash -c "'$mobula' hosts a,b:22 2>&1 | grep -F '$escape'"
  expect 1 '' bash -c "'$mobula' hosts no_such_list 2>&1 | grep -F '$escape'"
}

# completes <word>...: what bash offers for the last word, one a line
completes() {
  bash -c '
    . "$0"
    COMP_WORDS=(mobula "$@")
    COMP_CWORD=$#
    _mobula
    printf "%s\n" "${COMPREPLY[@]}"' "$built/completion/mobula" "$@"
}

is_completed_by_bash() {
  diff "$built/completion/mobula" <("$mobula" completion bash)
  prints $'hosts\ncompletion\nhelp\n--help\n--version' completes ''
  prints hosts completes ho
  prints --version completes --v
  prints $'--json\n--help' completes hosts -
  prints bash completes completion ''
  prints $'hosts\ncompletion\nhelp' completes help ''
  (
    cd "$scratch"
    touch 'machines one' machines_two
  )
  prints "$scratch/machines one"$'\n'"$scratch/machines_two" bash -c "$(declare -f completes); built='$built' completes hosts '$scratch/mach' | sort"
  # Each command and option that --help has is offered.
  local word
  for word in $("$mobula" --help | sed -n '/^Commands/,/^Options/s/^  \([a-z]*\) .*/\1/p'); do
    expect 0 "$word" completes "$word"
    completes "$word" - >"$scratch/offered"
    "$mobula" "$word" --help | sed -n '/^Options/,$s/^  \(-[a-zA-Z], \)\? *\(--[a-z-]*\).*/\2/p' >"$scratch/options"
    expect 0 --help cat "$scratch/options"
    while read -r option; do
      grep -q -x -e "$option" "$scratch/offered" || echo "WRONG: $word $option is not offered"
    done <"$scratch/options" >"$scratch/missing"
    prints '' cat "$scratch/missing"
  done
}

has_a_manual() {
  local manual="$built/mobula.1" text word
  text=$(sed 's/\\-/-/g' "$manual")
  # It knows the commands, the options and the variables that the command does.
  for word in $("$mobula" --help | sed -n '/^Commands/,/^Options/s/^  \([a-z]*\) .*/\1/p') \
    $("$mobula" --help | grep -o -e '--[a-z]*' | sort -u) $("$mobula" hosts --help | grep -o -e '--[a-z]*' | sort -u) \
    $("$mobula" hosts 2>&1 | grep -o -E '[A-Z]+_[A-Z_]+' | sort -u) NO_COLOR "$("$mobula" --version | sed 's/mobula //')" 125; do
    checks=$((checks + 1))
    [[ $text == *"$word"* ]] || { wrong=$((wrong + 1)); echo "WRONG: the manual has no $word"; }
  done
  # The lists that it shows are lists.
  sed -n '/^\.nf/,/^\.fi/p' <<<"$text" | grep -v '^\.' >"$scratch/shown"
  expect 0 'node04x2' "$mobula" hosts "$scratch/shown"
  command -v groff >/dev/null || return 0
  prints '' groff -man -ww -z -Tutf8 "$manual"
  if [[ -e $manual.gz ]]; then
    prints '' bash -c "gzip -dc '$manual.gz' | diff '$manual' -"
  fi
}

# What docs/LISTS.md shows is what is printed: each block that shows a call of `mobula hosts machines.txt`, with the file that the
# block before the call shows, or else the line that the error shows.
is_what_its_page_shows() {
  local page=$source/docs/LISTS.md block shown=0
  cd "$scratch"
  block=$(awk '/^```console/ {inside = 1; next} /^```/ {if (inside) print "@@"; inside = 0} inside' "$page")
  while [[ $block == *@@* ]]; do
    local one=${block%%@@*}
    block=${block#*@@}
    one=${one#$'\n'}
    if [[ $one == *'$ cat machines.txt'* ]]; then
      sed -n '/^\$ cat/,/^\$ mobula/p' <<<"$one" | grep -v '^\$' >machines.txt
    else
      printf 'node0\n%s\n' "$(sed -n 's/^    \(node.*\)/\1/p' <<<"$one")" >machines.txt
    fi
    diff <(sed '0,/^\$ mobula/d' <<<"${one%$'\n'}") <("$mobula" hosts machines.txt 2>&1 || true) || wrong=$((wrong + 1))
    checks=$((checks + 1)) shown=$((shown + 1))
  done
  ((shown == 2)) || { wrong=$((wrong + 1)); echo "WRONG: the page shows $shown calls"; }
  cd - >/dev/null
}

"$name"
finish
