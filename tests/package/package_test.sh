#!/usr/bin/env bash
# Goal: what a user does with the package works, and what can't work says why.
# Method: a project of its own in consumer/, configured, built and run in scratch directories of the build directory.
#
#   package_test.sh NAME
#
# runs the function NAME below. CTest sets the variables CMAKE, GENERATOR, CXX, CXXFLAGS, LAUNCHER, BUILD, SOURCE, BOOST.
set -euo pipefail

name=$1
here=$(dirname "$(readlink -f "$0")")
stage=$PWD/stage   # the installation that the tests share
work=$PWD/$name
rm -rf "$work"
mkdir -p "$work"

fail() {
  printf '%s\n' "package_test: $*"
  exit 1
}

# configure <cmake argument>...: the consumer's project in $work/build
configure() {
  "$CMAKE" -S "$here/consumer" -B "$work/build" -G "$GENERATOR" -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS="$CXXFLAGS" \
    ${LAUNCHER:+-D CMAKE_CXX_COMPILER_LAUNCHER="$LAUNCHER"} ${BOOST:+-D MOBULA_BOOST_INCLUDE_DIR="$BOOST"} "$@"
}

# Builds and runs the consumer.
works() {
  "$CMAKE" --build "$work/build"
  local output
  output=$("$work/build/consumer")
  [[ $output == '1 + 2 = 3' ]] || fail "the consumer printed: $output"
}

# refused <text> <command>...: the command must fail and say so
refused() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    fail "was not refused: $*"
  fi
  # CMake wraps its messages.
  output=$(tr -s ' \n' ' ' <<<"$output")
  [[ $output == *"$text"* ]] || fail "refused, but without '$text': $output"
}

is_installed() {
  rm -rf "$stage"
  "$CMAKE" --install "$BUILD" --prefix "$stage" >"$work/log"
  local missing
  missing=$(comm -23 <(cd "$SOURCE/include" && find . -name '*.hpp' | sort) <(cd "$stage/include" && find . -name '*.hpp' | sort))
  # A header whose library this machine lacks belongs to no component, and CMake said so.
  for header in $missing; do
    case $header in
      ./mobula/backends/executors/tbb.hpp | ./mobula/serialization/cereal.hpp | ./mobula/serialization/boost.hpp) ;;
      ./mobula/backends/simulation*) ;;
      *) fail "$header was not installed" ;;
    esac
  done
  if grep -rl -e "$SOURCE" -e "$stage" "$stage/share"; then
    fail "these installed files name a directory of this machine"
  fi
}

is_found_and_used() {
  configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_VERSION=0.1 -D MOBULA_TARGETS='mobula::mobula;mobula::threads'
  works
}

is_found_where_it_was_moved() {
  mkdir -p "$work/another place"
  cp -r "$stage" "$work/another place/prefix"
  mv "$stage" "$stage.hidden"
  trap 'mv "$stage.hidden" "$stage"' EXIT
  configure -D CMAKE_PREFIX_PATH="$work/another place/prefix" -D MOBULA_COMPONENTS='threads;backends' \
    -D MOBULA_TARGETS=mobula::threads
  works
}

finds_only_what_a_component_needs() {
  local without=(-D CMAKE_DISABLE_FIND_PACKAGE_TBB=ON -D CMAKE_DISABLE_FIND_PACKAGE_cereal=ON
    -D MOBULA_BOOST_INCLUDE_DIR="$work/nowhere")
  # The front end and its backends need none of the libraries.
  configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_COMPONENTS='core;mobula;threads;loopback;backends' "${without[@]}"
  rm -rf "$work/build"
  configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_TARGETS=mobula::backends "${without[@]}"
  # Who asks for a component whose library is missing is told the package.
  local component
  for component in tbb:libtbb-dev cereal:libcereal-dev boost_serialization:libboost1.81-dev \
    simulation:libboost1.81-dev; do
    if [[ -e $stage/share/cmake/mobula/mobula-${component%:*}.cmake ]]; then
      rm -rf "$work/build"
      refused "apt-get install --no-install-recommends ${component#*:}" configure -D CMAKE_PREFIX_PATH="$stage" \
        -D MOBULA_COMPONENTS="${component%:*}" "${without[@]}"
    fi
  done
}

refuses_an_unknown_component() {
  refused "There is no component 'thread' in this installation of Mobula. There are: core, mobula, threads, loopback, process, net, store, engine," \
    configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_COMPONENTS='threads;thread'
}

refuses_another_version() {
  refused 'version: 0.1.0' configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_VERSION=0.2
  rm -rf "$work/build"
  refused 'version: 0.1.0' configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_VERSION=1.0
}

is_added_as_a_subdirectory() {
  configure -D MOBULA_SOURCE="$SOURCE" -D MOBULA_TARGETS=mobula::backends
  works
}

names_the_package_that_is_missing() {
  local install='sudo apt-get install --no-install-recommends libboost1.81-dev'
  refused "$install There is no Boost in $work/nowhere" "$CMAKE" -S "$SOURCE" -B "$work/build" -G "$GENERATOR" \
    -D MOBULA_BOOST_INCLUDE_DIR="$work/nowhere"
  mkdir -p "$work/old/boost"
  printf '#define BOOST_LIB_VERSION "1_74"\n' >"$work/old/boost/version.hpp"
  rm -rf "$work/build"
  refused "$install Found, but too old: Boost 1.74 in $work/old" "$CMAKE" -S "$SOURCE" -B "$work/build" -G "$GENERATOR" \
    -D MOBULA_BOOST_INCLUDE_DIR="$work/old"
}

is_found_by_pkg_config() {
  local flags
  export PKG_CONFIG_PATH=$stage/share/pkgconfig
  pkg-config --exact-version=0.1.0 mobula || fail "pkg-config says version $(pkg-config --modversion mobula)"
  read -r -a flags <<<"$(pkg-config --cflags --libs mobula)"
  # shellcheck disable=SC2086
  $LAUNCHER "$CXX" -std=c++20 $CXXFLAGS -c "$here/consumer/main.cpp" -o "$work/consumer.o" "${flags[@]}"
  # shellcheck disable=SC2086
  "$CXX" $CXXFLAGS "$work/consumer.o" -o "$work/consumer" "${flags[@]}"
  [[ $("$work/consumer") == '1 + 2 = 3' ]] || fail "the consumer printed something else"
}

"$name"
