#!/usr/bin/env bash
# Goal: what a user does with the package works, and what can't work says why.
# Method: a project of its own in consumer/, configured, built and run in scratch directories of the build directory.
#
#   package_test.sh NAME
#
# runs the function NAME below. CTest sets the variables CMAKE, GENERATOR, CXX, CXXFLAGS, LAUNCHER, BUILD, SOURCE, BOOST, PYTHON, CONAN.
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

# Builds and runs the consumer, with these arguments.
works() {
  "$CMAKE" --build "$work/build"
  local output
  output=$("$work/build/consumer" "$@")
  [[ $output == '1 + 2 = 3' ]] || fail "the consumer printed: $output"
}

# compiles <pkg-config's path> <source>: builds and runs the program as somebody without CMake does
compiles() {
  local -a flags
  export PKG_CONFIG_PATH=$1
  pkg-config --exact-version="$(version)" mobula || fail "pkg-config says version $(pkg-config --modversion mobula)"
  # It escapes what a shell would not take as it is.
  eval "flags=($(pkg-config --cflags --libs mobula))"
  # shellcheck disable=SC2086
  $LAUNCHER "$CXX" -std=c++20 $CXXFLAGS -c "$2" -o "$work/consumer.o" "${flags[@]}"
  # shellcheck disable=SC2086
  "$CXX" $CXXFLAGS "$work/consumer.o" -o "$work/consumer" "${flags[@]}"
  [[ $("$work/consumer") == '1 + 2 = 3' ]] || fail "the consumer printed something else"
}

version() { sed -n 's/^project(mobula VERSION \([0-9.]*\) .*/\1/p' "$SOURCE/CMakeLists.txt"; }

# Hides the installation until the end, and sets `moved` to where a copy of it is, with a space in its path.
move() {
  moved="$work/another place/prefix"
  mkdir -p "$work/another place"
  cp -r "$stage" "$moved"
  mv "$stage" "$stage.hidden"
  trap 'mv "$stage.hidden" "$stage"' EXIT
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
  [[ ! -e $BUILD/bin/mobula ]] || has_the_command "$stage"
}

# The command, its manual and its completion lie below the prefix $1, where everybody looks for them.
has_the_command() {
  local prefix=$1 manual
  [[ $("$prefix/bin/mobula" --version) == "mobula $(version)" ]] || fail "$prefix/bin/mobula has another version"
  [[ $("$prefix/bin/mobula" hosts 'node[1-2]') == *$'\n2 hosts, '* ]] || fail "$prefix/bin/mobula reads no list"
  manual=$(gzip -dcf "$prefix"/share/man/man1/mobula.1*)
  [[ $manual == *"Mobula $(version)"* ]] || fail "there is no manual of this version"
  diff "$prefix/share/bash-completion/completions/mobula" <("$prefix/bin/mobula" completion bash) ||
    fail "the completion is not the command's"
}

is_found_and_used() {
  configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_VERSION=0.1 -D MOBULA_TARGETS='mobula::mobula;mobula::threads'
  works
}

is_found_where_it_was_moved() {
  move
  configure -D CMAKE_PREFIX_PATH="$moved" -D MOBULA_VERSION=0.1 -D MOBULA_COMPONENTS='threads;backends' \
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
  local wanted have
  have=$(version)
  # The next patch, the next minor version, the next major one, and one before.
  for wanted in "${have%.*}.$((${have##*.} + 1))" 0.2 1.0 0.0.9; do
    rm -rf "$work/build"
    refused "compatible with requested version \"$wanted\"" configure -D CMAKE_PREFIX_PATH="$stage" \
      -D MOBULA_VERSION=$wanted
    rm -rf "$work/build"
    refused "version: $have" configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_VERSION=$wanted
  done
}

is_added_as_a_subdirectory() {
  configure -D MOBULA_SOURCE="$SOURCE" -D MOBULA_TARGETS=mobula::backends
  works
}

is_fetched() {
  configure -D MOBULA_FETCH=ON -D FETCHCONTENT_SOURCE_DIR_MOBULA="$SOURCE" -D FETCHCONTENT_FULLY_DISCONNECTED=ON \
    -D MOBULA_TARGETS=mobula::backends
  works
}

# The library of the backends, compiled by who uses the installation; of those alone that need no Boost, for the sake of time.
is_compiled_once() {
  configure -D CMAKE_PREFIX_PATH="$stage" -D MOBULA_BOOST_INCLUDE_DIR="$work/nowhere" -D MOBULA_COMPONENTS='backends;compiled' \
    -D MOBULA_TARGETS=mobula::compiled -D MOBULA_MAIN=backends.cpp
  works
  works --mobula-backend=loopback
  [[ -e $work/build/libmobula_compiled.a ]] || fail "there is no library"
}

# without <library> <component>...: with MOBULA_USE_<library> off these components are left out, the rest works, and who
# links one of them is told.
without() {
  local library=$1 component
  shift
  local absent
  absent=$(IFS=';' && echo "$*")
  configure -D MOBULA_SOURCE="$SOURCE" -D MOBULA_USE_"$library"=OFF -D MOBULA_ABSENT="$absent" \
    -D MOBULA_TARGETS=mobula::backends >"$work/log"
  works
  for component in "$@"; do
    grep -q "Mobula: without mobula::$component, because MOBULA_USE_$library is off" "$work/log" ||
      fail "nobody said why mobula::$component is not there"
  done
  refused "mobula::$1" configure -D MOBULA_TARGETS="mobula::$1"
}

builds_without_tbb() { without TBB tbb; }
builds_without_cereal() { without CEREAL cereal; }
builds_without_boost_serialization() { without BOOST_SERIALIZATION boost_serialization; }
builds_without_boost_context() { without BOOST_CONTEXT simulation; }
builds_without_boost() {
  without BOOST processes simulation engine hosting boost_serialization
  # All backends that are left, and what a program says that is asked for one that is not.
  rm -rf "$work/build"
  configure -D MOBULA_SOURCE="$SOURCE" -D MOBULA_USE_BOOST=OFF -D MOBULA_TARGETS=mobula::backends -D MOBULA_MAIN=backends.cpp
  works
  works --mobula-backend=loopback
  local missing
  for missing in processes simulation; do
    refused "backend \"$missing\" is not in this program: include <mobula/backends/$missing.hpp> next to main (CMake: link mobula::$missing too)" \
      "$work/build/consumer" --mobula-backend="$missing"
  done
}

# What was left out of the installation, whatever is there now, is refused with the reason.
says_what_was_left_out() {
  "$CMAKE" -S "$SOURCE" -B "$work/mobula" -G "$GENERATOR" -D CMAKE_CXX_FLAGS="$CXXFLAGS" -D MOBULA_USE_BOOST=OFF \
    -D MOBULA_BUILD_TESTS=OFF -D MOBULA_BUILD_EXAMPLES=OFF -D MOBULA_BUILD_BENCH=OFF -D MOBULA_BUILD_TOOLS=OFF >"$work/log"
  "$CMAKE" --install "$work/mobula" --prefix "$work/stage" >"$work/log"
  refused "made without the component 'processes', because MOBULA_USE_BOOST is off. There are: core, mobula, threads, loopback" \
    configure -D CMAKE_PREFIX_PATH="$work/stage" -D MOBULA_COMPONENTS='threads;processes'
  rm -rf "$work/build"
  configure -D CMAKE_PREFIX_PATH="$work/stage" -D MOBULA_ABSENT='processes;simulation' -D MOBULA_TARGETS=mobula::backends
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

is_found_by_pkg_config_where_it_was_moved() {
  move
  compiles "$moved/share/pkgconfig" "$here/consumer/main.cpp"
}

# Prints the fields of the package $1, its files that are no headers, and what has another mode or owner than is usual.
package_facts() {
  dpkg-deb --field "$1" | sed -E 's/^(Installed-Size|Version): [0-9].*/\1: .../'
  echo
  dpkg-deb --contents "$1" |
    awk '!/^-rw-r--r-- root\/root .*\.hpp$/ && !/^drwxr-xr-x root\/root / {print $1, $2, $6}' | sort -k 3
}

make_packages() {
  (cd "$BUILD" && "${CMAKE%/*}/cpack" -G DEB -B "$work/packages") >"$work/log" || fail "$(tail -n 20 "$work/log")"
}

# `cpack -G DEB` makes it, what stands in it is what libmobula-dev.txt says and all headers, and a program finds it below
# wherever it is unpacked.
is_a_debian_package() {
  make_packages
  local package=$work/packages/libmobula-dev_$(version)-1_all.deb root=$work/root
  [[ -e $package ]] || fail "there is none of this name, but: $(ls "$work/packages")"
  diff -u "$here/libmobula-dev.txt" <(package_facts "$package") || fail "it has become another package"

  dpkg-deb --extract "$package" "$root"
  diff <(cd "$stage/include" && find . -name '*.hpp' | sort) <(cd "$root/usr/include" && find . -name '*.hpp' | sort) ||
    fail "its headers are not those that are installed"
  [[ $(gzip -dc "$root/usr/share/doc/libmobula-dev/changelog.gz") == "$(<"$SOURCE/CHANGELOG.md")" ]] ||
    fail "its changelog is another one"
  if grep -rl -e "$SOURCE" -e "$BUILD" "$root/usr/share"; then
    fail "these files name a directory of this machine"
  fi
  configure -D CMAKE_PREFIX_PATH="$root/usr" -D MOBULA_COMPONENTS='threads;backends' -D MOBULA_TARGETS=mobula::threads
  works
}

# The command has a package of its own, which needs the C and the C++ library alone, and works wherever it is unpacked.
is_a_debian_package_of_the_command() {
  make_packages
  local packages=("$work/packages"/mobula-tools_"$(version)"-1_*.deb) root=$work/root
  ((${#packages[@]} == 1)) && [[ -e ${packages[0]} ]] || fail "there is none of this name, but: $(ls "$work/packages")"
  # The versions are those of the libraries here, and a sanitizer's library may be among them.
  diff -u "$here/mobula-tools.txt" <(package_facts "${packages[0]}" |
    sed -E 's/^(Architecture): .*/\1: .../; s/^(Depends): libc6 \(.*, libstdc\+\+6 \(.*/\1: .../') || fail "it has become another package"
  dpkg-deb --extract "${packages[0]}" "$root"
  has_the_command "$root/usr"
  if grep -rl -e "$SOURCE" -e "$BUILD" "$root/usr"; then
    fail "these files name a directory of this machine"
  fi
}

# port <feature>...: runs the portfile into $work/packages
port() {
  rm -rf "$work/packages" "$work/vcpkg_build"
  "$CMAKE" -D PORT_DIR="$SOURCE/packaging/vcpkg/ports/mobula" -D PACKAGES_DIR="$work/packages" \
    -D BUILD_DIR="$work/vcpkg_build" -D GENERATOR="$GENERATOR" -D FEATURES="$(IFS=';' && echo "$*")" \
    -P "$here/vcpkg_stubs.cmake" >"$work/log" || fail "the portfile fails: $(tail -n 20 "$work/log")"
}

# The portfile of packaging/vcpkg makes what a program can use, with the features that were asked for and no others.
is_a_vcpkg_port() {
  local manifest=$SOURCE/packaging/vcpkg/ports/mobula/vcpkg.json
  "$CMAKE" -D MANIFEST="$manifest" -D VERSION="$(version)" -P "$here/vcpkg_manifest.cmake"

  port
  diff <(printf '%s\n' vcpkg_check_features vcpkg_cmake_configure vcpkg_cmake_install vcpkg_cmake_config_fixup \
    vcpkg_fixup_pkgconfig vcpkg_install_copyright) "$work/packages.calls" || fail "the portfile does something else"
  # Where vcpkg wants them, and nothing where it doesn't.
  diff <(printf '%s\n' include include/mobula share share/mobula share/pkgconfig) \
    <(cd "$work/packages" && find . -mindepth 1 -maxdepth 2 -type d -printf '%P\n' | sort) || fail "the folders are others"
  local file
  for file in mobulaConfig.cmake mobulaConfigVersion.cmake mobula-threads.cmake copyright usage; do
    [[ -e $work/packages/share/mobula/$file ]] || fail "there is no share/mobula/$file"
  done
  mkdir "$work/moved"
  mv "$work/packages" "$work/moved"
  configure -D CMAKE_PREFIX_PATH="$work/moved/packages" -D MOBULA_TARGETS=mobula::backends \
    -D MOBULA_ABSENT='processes;simulation;tbb;cereal;boost_serialization'
  works

  local component
  port processes simulation tbb cereal boost-serialization
  for component in processes simulation tbb cereal boost_serialization; do
    [[ ! -e $stage/share/cmake/mobula/mobula-$component.cmake || -e $work/packages/share/mobula/mobula-$component.cmake ]] ||
      fail "the feature brings no mobula::$component"
  done
}

is_a_conan_recipe() { "$PYTHON" "$here/conan_test.py" "$SOURCE" "$stage"; }

# With Conan itself, which this machine happens to have. Without the libraries, for those it would download.
is_made_by_conan() {
  export CONAN_HOME=$work/conan
  "$CONAN" profile detect >"$work/log" 2>&1
  "$CONAN" create "$SOURCE/packaging/conan" -s compiler.cppstd=20 -s build_type=Debug -o '&:with_boost=False' \
    -c tools.cmake.cmaketoolchain:generator="$GENERATOR" -c tools.cmake.cmake_layout:test_folder="$work/test" \
    -c tools.cmake.cmaketoolchain:user_presets= >"$work/log" 2>&1 || fail "$(tail -n 40 "$work/log")"
  grep -q '^1 + 2 = 3$' "$work/log" || fail "the test package printed something else"
}

"$name"
