# What docs/COMPILE_ERRORS.md says, one line each, with the fields separated by tabs:
#
#   versions  <g++'s>  <clang's>
#   row  <number, empty in the table>  <source>  <g++'s message>  <clang's message>  <lines of code, each after a \001>
#
# A row without a source is printed too, with an empty field.

function finish() {
  if (number != "") print "row\t" number "\t" source "\t" gnu "\t" clang "\t" code
  number = source = gnu = clang = code = ""
}
function source_of(line) {
  return match(line, /\]\(\.\.\/tests\/must_not_compile\/[a-z0-9_]+\.cpp\)/) ? substr(line, RSTART + 28, RLENGTH - 29) : ""
}

/g\+\+ [0-9]+ and clang [0-9]+/ && !versions {
  versions = $0
  sub(/.*g\+\+ /, "", versions)
  sub(/ and clang /, "\t", versions)
  sub(/[^0-9\t].*/, "", versions)
  print "versions\t" versions
}
/^## / { finish() }
/^## [0-9]+\. / { number = $2 + 0 }
/^```/ { block = block == "" ? substr($0, 4) : ""; next }
block == "cpp" { code = code "\001" $0; next }
block == "text" && sub(/^g\+\+: /, "") { gnu = $0; next }
block == "text" && sub(/^clang: /, "") { clang = $0; next }
number != "" && source_of($0) != "" { source = source_of($0) }
# | what was written | what Mobula says | the source |
number == "" && /^\| / && !/^\| (---|What )/ {
  split($0, fields, / \| /)
  sentence = fields[2]
  gsub(/`/, "", sentence)
  print "row\t\t" source_of($0) "\t" sentence "\t" sentence "\t"
}
END { finish() }
