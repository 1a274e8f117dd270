#!/usr/bin/env bash
# Goal: wordcount counts what `tr | sort | uniq -c` counts, leaves out what it says it leaves out, and ends as it should.
# Method: both count a directory of awkward files and a part of /usr/include; the results are compared line by line.
#
#   wordcount.sh EXECUTABLE
set -euo pipefail
export LC_ALL=C

wordcount=$(readlink -f "$1")
scratch=$(mktemp -d)
trap 'chmod -R u+rwx "$scratch" && rm -rf "$scratch"' EXIT
cd "$scratch"

failures=0
fail() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

# The words of the files named on standard input, each ended by a zero byte, as wordcount --all prints them. A newline
# between files ends a last line that has none.
counted_by_sort() {
  xargs -0 -r -I{} sh -c 'cat "$1" && echo' sh {} | tr -cs 'A-Za-z0-9_' '\n' | sed '/^$/d' | sort | uniq -c |
    sort -k1,1nr -k2,2
}

# What wordcount printed, without what is put before a line of a worker process: "(wordcount::progress pid=7, here) ".
without_origins() {
  sed 's/^([^)]* pid=[^)]*) //'
}

# compare <claim> <file with the expected counts> <argument>...
compare() {
  local claim=$1 expected=$2
  shift 2
  "$wordcount" --all "$@" >out 2>printed || fail "$claim: exit status $?: $(cat printed)"
  without_origins <printed >err
  sed '/^$/,$d' out >counts
  diff "$expected" counts >differences || fail "$claim: $(head -n 5 differences)"
}

# expect <claim> <exit status> <pattern> <argument>...: something that is printed matches the pattern
expect() {
  local claim=$1 expected=$2 pattern=$3 status=0
  shift 3
  "$wordcount" "$@" >printed 2>&1 || status=$?
  without_origins <printed >out
  ((status == expected)) || fail "$claim: exit status $status instead of $expected"
  grep -q -e "$pattern" out || fail "$claim: nothing like '$pattern' in: $(head -n 5 out)"
}

# --- A directory of awkward files ---

mkdir -p 'awkward/deep/er/still' 'awkward/a name' awkward/none
printf 'one two two\nthree_3 3three' >'awkward/no final newline'
printf 'x' >awkward/single
: >awkward/empty
printf 'Two two TWO \303\274ber na\357ve\n' >$'awkward/a name/new\nline'
printf -- '--all --top 3\n' >awkward/--all
printf 'apostrophe'\''s \\ "quotes" $dollar\n' >"awkward/it's \"\$odd\""
printf 'deep\r\ndeeper\ttabbed\0331\n' >awkward/deep/er/still/file
printf '\377\376\375' >awkward/no_words
# Larger than one batch of any size used below, with a word that is longer than a batch and a buffer of the program.
seq -f 'the quick_brown fox %.0f jumps; over-the "lazy" dog' 100000 >awkward/large
head -c 700000 /dev/zero | tr '\0' w >awkward/long_word
printf '\nafter\n' >>awkward/long_word

find awkward -type f -print0 | counted_by_sort >expected
text_files=$(find awkward -type f | grep -c . || true)
text_files=$((text_files - 1))  # the name with a newline takes two lines
text_bytes=$(find awkward -type f -print0 | xargs -0 cat | wc -c)

# What must be left out, beside the text.
printf 'text with a \0 byte' >awkward/binary
ln -s .. awkward/loop
ln -s nowhere awkward/broken
ln -s large awkward/link_to_file
mkfifo awkward/pipe

compare 'awkward files' expected awkward
grep -q "^$text_files files, $text_bytes bytes, $(awk '{ n += $1 } END { print n }' expected) words, $(wc -l <expected) " out ||
  fail "the summary of awkward files: $(tail -n 3 out)"
grep -q '^left out: 1 binary, 0 unreadable$' out || fail "the binary file is not mentioned: $(tail -n 3 out)"
! grep '^wordcount:' err || fail 'a problem is reported where there is none'
compare 'a directory with a slash and a link to it' expected awkward/
ln -s awkward linked
compare 'a directory that is a link' expected linked
compare 'batches of 64 KiB' expected awkward --batch-bytes 65536
compare 'batches of 4099 bytes' expected --batch-bytes 4099 -- awkward

# Batches of very few bytes: every border is within a word, or beside one.
mkdir borders
printf 'ab cd,efg  h\nij\n\nklmno p' >borders/file
find borders -type f -print0 | counted_by_sort >expected_borders
for bytes in 1 2 3 4 5 6 7 8 9 10 30; do
  compare "batches of $bytes bytes" expected_borders borders --batch-bytes "$bytes"
done

"$wordcount" awkward --top 3 2>/dev/null | sed '/^$/,$d' | diff <(head -n 3 expected) - || fail '--top 3'

mkdir empty
: >expected_empty
compare 'an empty directory' expected_empty empty
expect 'an empty directory is no error' 0 '^0 files, 0 bytes, 0 words' empty

# --- What can't be read ---

if ((EUID != 0)); then
  printf 'secret' >awkward/unreadable
  mkdir awkward/unlisted
  chmod 0 awkward/unreadable awkward/unlisted
  compare 'unreadable files' expected awkward
  grep -q '^left out: 1 binary, 2 unreadable$' out || fail "unreadable files: $(tail -n 3 out)"
  for name in awkward/unreadable awkward/unlisted; do
    grep -q "^wordcount: $name: Permission denied$" err || fail "$name is not reported: $(cat err)"
  done
fi
# Memory at address 0 can't be read, not even by root: this shell's own, for /proc/self is another process in each worker.
if [[ -r /proc/$$/mem ]]; then
  expect 'a file whose reading fails' 0 "^wordcount: /proc/$$/task/.*/mem: \\(Input/output error\\|Permission denied\\)$" \
    "/proc/$$/task"
fi

# --- Real input ---

real=/usr/include/linux
[[ -d $real ]] || real=/usr/include
find "$real" -type f -print0 | counted_by_sort >expected_real
compare "the files of $real" expected_real "$real"

# --- Bad arguments ---

expect 'a missing directory' 1 '^wordcount: .*no such place.*No such file or directory' 'no such place'
expect 'a file instead of a directory' 1 '^wordcount: .*single.*Not a directory' awkward/single
expect 'a second directory' 2 "second one" awkward awkward
expect 'an unknown option' 2 "unknown option '--tpo'" --tpo 3
expect '--top without a number' 2 '--top needs a number' awkward --top
expect '--top with something else' 2 "--top needs a number above zero, not '3x'" awkward --top 3x
expect '--top 0' 2 '--top needs a number' --top 0
expect 'a flag of Mobula that does not exist' 2 'did you mean --mobula-backend' --mobula-bakend=threads
expect '--help' 0 '^usage: wordcount' --help
if [[ -w /dev/full ]]; then
  status=0
  "$wordcount" empty >/dev/full 2>err || status=$?
  ((status == 1)) && grep -q 'standard output' err || fail "a full disk: exit status $status: $(cat err)"
fi

((failures == 0)) && echo 'wordcount: all as sort and uniq have it'
