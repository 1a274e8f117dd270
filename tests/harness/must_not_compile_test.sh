# Goal: a source that compiles, or is refused with another message, is caught.
# Method: small sources of each kind, and the compiler that builds the rest.

. "$(dirname "$0")/expect.sh"
tool=$1 compiler=$2

source=$scratch/source.cpp
check() { expect "$1" "$2" bash "$tool" "$source" "$compiler" -std=c++20; }

printf '%s\n' '// expect: the promised text' '// expect: [0-9] bytes' \
  'template <class T> void f() { static_assert(sizeof(T) > 4, "the promised text, 5 bytes"); }' \
  'int main() { f<char>(); }' >"$source"
check 0 'refused, as it must be'
# The same in a function that only a template's instance calls, which a compiler may put off to the end of the file.
printf '%s\n' '// expect: the promised text' \
  'template <class T> struct s { static void g() { static_assert(sizeof(T) > 4, "the promised text"); } };' \
  'template <class T> auto table = &s<T>::g;' 'void (*used)() = table<char>;' >"$source"
check 0 'refused, as it must be'
printf '%s\n' '// flags: -DVALUE=wrong' '// expect: wrong' '// errors: 1' 'int a = VALUE;' >"$source"
check 0 'refused, as it must be'

printf '%s\n' '// expect: the promised text' 'int main() {}' >"$source"
check 1 'was accepted'
printf '%s\n' '// expect: the promised text' 'static_assert(false, "another text");' >"$source"
check 1 'no line of the compiler'
printf '%s\n' '// expect: one' '// expect: two' 'static_assert(false, "one");' >"$source"
check 1 'matches: two'
printf '%s\n' '// expect: one' '// errors: 1' 'static_assert(false, "one");' 'int a = b;' >"$source"
check 1 'not at most 1'
printf '%s\n' 'static_assert(false, "one");' >"$source"
check 1 'has no line'

printf '%s\n' '// A program.' 'int main() {}' >"$source"
expect 0 '' bash "$tool" --must-compile "$source" "$compiler" -std=c++20
printf '%s\n' '// A program.' 'int main() { return b; }' >"$source"
expect 1 'was refused' bash "$tool" --must-compile "$source" "$compiler" -std=c++20

# What the page says must be the first error.
page=$scratch/page.md
with_page() { expect "$1" "$2" bash "$tool" --page "$page" "$source" "$compiler" -std=c++20; }
# write_page <the message after the compilers' own words> [source]
write_page() {
  local version name=${2:-source} gnu=0 clang=0
  version=$("$compiler" -dumpversion)
  case $("$compiler" --version) in *clang*) clang=${version%%.*} ;; *) gnu=${version%%.*} ;; esac
  printf '%s\n' "As g++ $gnu and clang $clang print it." '## 1. One' '```text' "g++: static assertion failed: $1" \
    "clang: static_assert failed \"$1\"" '```' "[source](../tests/must_not_compile/$name.cpp)" >"$page"
}
assertion='template <bool B> void f() { static_assert(B, "mobula: the sentence"); }'
printf '%s\n' '// expect: the sentence' "$assertion" 'int main() { f<false>(); }' >"$source"
write_page 'mobula: the sentence'
with_page 0 'refused, as it must be'
write_page 'mobula: another sentence'
with_page 1 'the first error is not the sentence'
write_page 'mobula: another sentence' another_source
with_page 0 'refused, as it must be'
printf '%s\n' '// expect: the sentence' "$assertion" 'int a = b;' 'int main() { f<false>(); }' >"$source"
write_page 'mobula: the sentence'
with_page 1 'the first error is not the sentence'
printf '%s\n' '// expect: the words' 'template <bool B> void f() { static_assert(B, "the words"); }' \
  'int main() { f<false>(); }' >"$source"
write_page 'other words'
with_page 1 'the first error is not the message'
sed -i '1s/[0-9][0-9]*/1/g' "$page"  # of another version, only what Mobula says is compared
with_page 0 'refused, as it must be'
printf '%s\n' 'As g++ 1 and clang 1 print it.' \
  '| a mistake | `mobula: the sentence` | [source](../tests/must_not_compile/source.cpp) |' >"$page"
with_page 1 'the first error is not the sentence'

finish
