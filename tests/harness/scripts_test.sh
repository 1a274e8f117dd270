# Goal: the two commands of the README explain themselves, and say what is wrong with their arguments before they install or
# build anything. Method: arguments that are wrong, one at a time.

. "$(dirname "$0")/expect.sh"
tools=$1

expect 0 './tools/quickstart [DIRECTORY]' "$tools/quickstart" --help
expect 2 'quickstart: no-such-directory is not a directory' "$tools/quickstart" no-such-directory
expect 2 'quickstart: /no/such/parent is not a directory' "$tools/quickstart" /no/such/parent
expect 2 'is not a directory' "$tools/quickstart" "$tools/quickstart"
expect 2 'quickstart: --quick is not a directory' "$tools/quickstart" --quick

expect 0 './tools/check --quick' "$tools/check" --help
expect 1 'unknown argument --quik' "$tools/check" --quik
expect 1 '--preset wants a name: dev release asan tsan ubsan clang' "$tools/check" --preset

finish
