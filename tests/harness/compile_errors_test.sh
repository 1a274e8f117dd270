# Goal: a page of errors that says too little, or names a source that is not there, is caught.
# Method: the real page, with one thing changed.

. "$(dirname "$0")/expect.sh"
root=$1
page=$scratch/page.md

# changed <exit status> <text> <what sed does to the page>
changed() {
  sed -E "$3" "$root/docs/COMPILE_ERRORS.md" >"$page"
  expect "$1" "$2" bash "$root/tests/docs/compile_errors.sh" "$root" "$page"
}

changed 0 '20 sections' ''
changed 1 'section 3 names no source' '/future_without_get/d'
changed 1 'section 3 names future_without_got.cpp, which is not there' 's/future_without_get/future_without_got/'
changed 1 'section 3 does not say what g++ says' '/^g\+\+: cannot convert/d'
changed 1 'section 3 does not say what clang says' '/^clang: no viable conversion/d'
changed 1 'shows what does not stand in future_without_get.cpp' 's/const int sum/const long sum/'
changed 1 'there are 19 sections, not 20' '/^## 20/d'
changed 1 'section 21 is the 20th' 's/^## 20/## 21/'
changed 1 'line 1 of the table names no source' 's/async_launch/Async-launch/'
changed 1 'line 1 of the table has no sentence' 's/mobula: async takes/async takes/'
changed 1 'no line says' 's/g\+\+ 12/g++/'

finish
