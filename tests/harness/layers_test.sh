# Goal: every fault that tools/layers.cpp looks for is found, and a tree without one passes.
# Method: a tree of four headers that is right, and one change at a time that makes it wrong.

. "$(dirname "$0")/expect.sh"
tool=$1

table=$scratch/layers.txt
cat >"$table" <<'TABLE'
layer mobula/core/ 0
layer mobula/left/ 1   # strangers
layer mobula/right/ 1
layer mobula/ 2
public mobula/
public mobula/right/b.hpp
never mobula/mobula.hpp: iostream regex
never mobula/left/: deque list/*
only mobula/core/fwd.hpp: cstddef cstdint
TABLE

tree=$scratch/include
# header <path> <line>...: a right header with these further lines
header() {
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' '#pragma once' '' '/// What it is for.' "${@:2}" >"$tree/$1"
}
right_tree() {
  rm -rf "$tree"
  header mobula/core/fwd.hpp '#include <cstddef>'
  header mobula/core/ids.hpp '#include "mobula/core/fwd.hpp"' '#include "mobula/core/detail/text.hpp"'
  header mobula/core/detail/text.hpp '#include <string>'
  header mobula/left/a.hpp '#include "mobula/core/ids.hpp"' '///   #include <iostream>'
  header mobula/right/b.hpp '#include <mobula/core/ids.hpp>' '#include <iostream>'
  header mobula/mobula.hpp '#include "mobula/left/a.hpp"'
}
check() { expect "$1" "$2" "$tool" "$tree" "$table"; right_tree; }

right_tree
check 0 '6 headers; own includes: median 1 (aim: 3); reached: median 2 (aim: 8), most 4 by mobula/mobula.hpp'
header mobula/core/ids.hpp '#include "mobula/left/a.hpp"'
check 1 'mobula/core/ids.hpp: includes mobula/left/a.hpp, which is above it (rank 0 to rank 1)'
header mobula/left/a.hpp '#  include <mobula/right/b.hpp>  // why not'
check 1 'mobula/left/a.hpp: includes mobula/right/b.hpp, but layers of equal rank are strangers'
header mobula/left/a.hpp '#include "mobula/core/detail/text.hpp"'
check 1 "includes mobula/core/detail/text.hpp, which is another layer's detail"
header mobula/core/fwd.hpp '#include "mobula/core/ids.hpp"'
check 1 'includes itself: mobula/core/fwd.hpp -> mobula/core/ids.hpp -> mobula/core/fwd.hpp'
header mobula/core/fwd.hpp '#include <string>'
check 1 'mobula/core/fwd.hpp: may not need <string>'
header mobula/mobula.hpp '#include "mobula/right/b.hpp"'
check 1 'must not reach <iostream>, but does: mobula/mobula.hpp -> mobula/right/b.hpp'
header mobula/mobula.hpp '#include <regex>'
check 1 'must not reach <regex>, but does: mobula/mobula.hpp'
header mobula/left/a.hpp '#include <list/of/things.hpp>'
check 1 'mobula/left/a.hpp: must not reach <list/of/things.hpp>, but does: mobula/left/a.hpp'
header mobula/left/inner/c.hpp '#include "mobula/core/ids.hpp"'
header mobula/core/ids.hpp '#include <deque>'
check 1 'mobula/left/inner/c.hpp: must not reach <deque>, but does: mobula/left/inner/c.hpp -> mobula/core/ids.hpp'
header mobula/left/a.hpp '#include "mobula/core/none.hpp"'
check 1 'includes mobula/core/none.hpp, which does not exist'
header mobula/left/a.hpp '#include "ids.hpp"'
check 1 'includes "ids.hpp"; write the whole path'
header elsewhere/a.hpp
check 1 'elsewhere/a.hpp: belongs to no layer'
sed -i '/#pragma once/d' "$tree/mobula/left/a.hpp"
check 1 'mobula/left/a.hpp: has no #pragma once'
sed -i 's/^\/\/\/ What.*/\/\/ A plain comment./' "$tree/mobula/left/a.hpp"
check 1 'mobula/left/a.hpp: does not begin with a sentence'
for ((i = 0; i < 498; ++i)); do echo; done >>"$tree/mobula/mobula.hpp"
check 1 'mobula/mobula.hpp: has 502 lines, more than 500'
wide=$(printf '—%.0s' {1..97})
header mobula/left/a.hpp "///$wide" "/// $wide"
check 1 'mobula/left/a.hpp: line 5 has 101 columns, more than 100'
header mobula/left/a.hpp "///$wide"
check 0 '0 faults'
header mobula/right/b.hpp '#include <mobula/core/ids.hpp>' '#include <iostream>' '#include <array>'
expect 0 $'mobula/mobula.hpp: 4 of ours, 2 others\n    cstddef string\nmobula/right/b.hpp: 3 of ours, 4 others\n    array cstddef iostream string' \
  "$tool" "$tree" "$table" --reaches
expect 2 'usage: layers' "$tool" "$tree" "$table" --reach
echo 'layer mobula/core/' >>"$table"
check 2 'not understood: layer mobula/core/'

finish
