# Goal: a program that prints something else than its first comment says, or ends otherwise, is caught.
# Method: programs that are shell scripts, with sources that are right or wrong about them.

. "$(dirname "$0")/expect.sh"
tool=$1

program=$scratch/program
cat >"$program" <<'SH'
#!/usr/bin/env bash
printf '%s\n' "hello ${1:-nobody}" 'took 12 ms for 3 [files] *' '' 'last line'
echo "to standard error" >&2
exit "${2:-0}"
SH
chmod +x "$program"

# source <line>...: a source whose first comment has these lines, with the program's name in place of @
source_of() {
  printf '// What it teaches.\n//\n' >"$scratch/example.cpp"
  printf '//%s\n' "$@" >>"$scratch/example.cpp"
  printf '\nint main() {}\n//   $ ./program never seen\n' >>"$scratch/example.cpp"
}
check() { expect "$1" "$2" bash "$tool" "$scratch/example.cpp" program "$program"; }

source_of '   $ ./program you' '   hello you' '   took 12 ms for 3 [files] *' '' '   last line'
check 0 '1 commands, 0 failures'
source_of '   $ ./program you' '   hello ...' '   took ... ms for ... [files] *' '' '   last line' '' ' Prose.'
check 0 '1 commands, 0 failures'
source_of '   $ ./program you' '   hello you' '   ...'
check 0 ''
source_of '   $ ./program you' '   ...' '   last line'
check 0 ''
source_of '   $ ./program you' '   ...' '   hello you' '   ...' '   took ...' '   ...' '   ...'
check 0 ''
source_of '   $ ./program a 3' '   hello a' '   ...' '   [exit 3]' '' ' And:' '' '   $ ./program b' '   hello b' '   ...'
check 0 '2 commands, 0 failures'
source_of '   $ ./program a 2>&1 | tail -n 1' '   to standard error'
check 0 ''

source_of '   $ ./program you' '   hello me' '   ...'
check 1 'hello you'
source_of '   $ ./program you' '   hello you'
check 1 'last line'
source_of '   $ ./program you' '   hello you' '   ...' '   last line' '   and another'
check 1 'and another'
source_of '   $ ./program you' '   hello you' '   took 12 ms for 3 [fxles] *' '   ...'
check 1 ''
source_of '   $ ./program you' '   ...' '   hello he' '   ...'
check 1 ''
source_of '   $ ./program you' '   hello you' '   took ... s for ... files' '   ...'
check 1 ''
source_of '   $ ./program you 3' '   hello you' '   ...'
check 1 'it ended with 3, not with 0'
source_of '   $ ./program you' '   ...' '   [exit 1]'
check 1 'it ended with 0, not with 1'
source_of '   $ ./program you' '   hello you' '   ...' '   $ ./program me' '   hello you' '   ...'
check 1 '2 commands, 1 failures'
source_of '   There is no command here.'
check 1 'has no line like'

finish
