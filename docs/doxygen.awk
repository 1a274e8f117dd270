# What Doxygen reads instead of a header: the house's comments as it wants them.
#
# - The first comment is about the file, which Doxygen takes for one about what stands behind it.
# - Code in a comment is indented by three blanks after a line without text. Doxygen wants four, and more.

function is_blank(line) { return line ~ /^ *\/\/\/ *$/ }

!file_comment_seen && /^\/\/\/ / {
  print "/// \\file"
  file_comment_seen = 1
}

/^ *\/\/\/   / && (code || blank) {
  sub(/\/\/\/   /, "///       ")
  code = 1
  print
  next
}

{
  code = code && is_blank($0)
  blank = is_blank($0)
  print
}
