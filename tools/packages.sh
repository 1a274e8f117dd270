# What quickstart and check share: the Debian packages, getting what is missing of them, and saying where one is.
#
# To be sourced. Sets `root`, the checkout, and makes it the current directory.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# What builds the library and the main job, and what the rest of the tests, examples and benchmarks needs on top.
packages_basic=(g++ cmake ninja-build ccache)
packages_all=("${packages_basic[@]}" libboost1.81-dev libboost-serialization1.81-dev libboost-context1.81-dev
  libtbb-dev libcereal-dev catch2 pkg-config libcaf-dev libbenchmark-dev doxygen)

steps=1 step=0

# Starts the next step and says so.
announce() {
  step=$((step + 1))
  printf '\n[%d/%d] %s\n' "$step" "$steps" "$*"
}

die() {
  printf '%s\n' "error: $*" >&2
  exit 1
}

# Runs a command as root, with sudo if need be. A program that asks questions would wait for an answer for ever.
as_root() {
  if (($(id -u) == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "neither root nor sudo here for: $*"
  fi
}

may_install() {
  (($(id -u) == 0)) || command -v sudo >/dev/null
}

installed() {
  [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]
}

# Fills `missing` with those of the packages that aren't there.
find_missing() {
  missing=()
  local package
  for package in "$@"; do
    if ! installed "$package"; then
      # Where the headers are unpacked below build/, their package is not missed.
      [[ $package == libboost*1.81-dev && -e $root/build/boost-1.81/.complete-with-context ]] || missing+=("$package")
    fi
  done
}

# apt-get that never removes anything, never asks and doesn't mind that another apt-get is at work.
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-remove \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Boost 1.81's headers, Boost.Serialization and Boost.Context below build/, for machines where another Boost's packages, which conflict
# with these, must stay.
unpack_boost() {
  local target=$root/build/boost-1.81 work=$root/build/boost-1.81.part archive
  echo "Unpacking the headers of Boost 1.81 to build/boost-1.81."
  rm -rf "$work" "$target"
  mkdir -p "$work"
  (cd "$work" && apt-get download libboost1.81-dev libboost-serialization1.81-dev libboost-context1.81-dev </dev/null)
  for archive in "$work"/*.deb; do
    dpkg -x "$archive" "$work"
    rm "$archive"
  done
  [[ -e $work/usr/include/boost/pfr.hpp ]] || die "the packages of Boost 1.81 don't hold boost/pfr.hpp"
  touch "$work/.complete-with-context"
  mv "$work" "$target"
}

# Whether apt would have to remove something for these packages.
would_remove() {
  ! apt-get install -s -y --no-install-recommends --no-remove "$@" >/dev/null 2>&1 </dev/null &&
    apt-get install -s -y --no-install-recommends "$@" 2>/dev/null </dev/null | grep -q '^Remv '
}

# Installs those of the packages that are missing.
get_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian, so nothing is installed here. What is needed is called there: $*"
    return
  fi
  find_missing "$@"
  if ((${#missing[@]} == 0)); then
    echo "All packages are installed: $*"
    return
  fi
  echo "Missing: ${missing[*]}"
  local boost=() rest=() package
  for package in "${missing[@]}"; do
    if [[ $package == libboost*1.81-dev ]]; then
      boost+=("$package")
    else
      rest+=("$package")
    fi
  done
  if may_install; then
    as_root apt-get update -o DPkg::Lock::Timeout=300 </dev/null || die "apt-get update failed, see above"
  fi
  if ((${#boost[@]} > 0)) && would_remove "${boost[@]}"; then
    echo "Another Boost is installed, which ${boost[*]} would replace. It stays."
    unpack_boost
    boost=()
  elif ((${#boost[@]} > 0 && ${#rest[@]} == 0)) && ! may_install; then
    echo "Neither root nor sudo here, but Boost only needs to be unpacked."
    unpack_boost
    boost=()
  fi
  rest+=("${boost[@]}")
  if ((${#rest[@]} > 0)); then
    local command="apt-get install --no-install-recommends --no-remove ${rest[*]}"
    may_install || die "neither root nor sudo here. Please have this run as root, then start again:
  apt-get update && $command"
    apt_install "${rest[@]}" || die "the packages could not be installed, see above. By hand:
  sudo apt-get update && sudo $command"
  fi
  find_missing "$@"
  ((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
}

# A user's own ccache is used; where there is none yet, nothing is written outside the checkout.
use_ccache() {
  local usual=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ccache
  if [[ -z ${CCACHE_DIR:-} && ! -d $usual && ! -d ${HOME:-/nonexistent}/.ccache ]]; then
    export CCACHE_DIR=$root/build/ccache
  fi
}

# As many as there are processors, but not more than the memory has room for: a compiler takes up to 1.5 GB.
job_count() {
  local cpus memory_gb
  cpus=$(nproc)
  memory_gb=$(($(awk '/^MemAvailable:/ {print $2}' /proc/meminfo) / 1500000))
  ((memory_gb >= 1)) || memory_gb=1
  echo $((cpus < memory_gb ? cpus : memory_gb))
}
