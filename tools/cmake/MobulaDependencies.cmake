# Finds what the headers stand on. The build and the installed package (mobulaConfig.cmake) both include this file, so
# that both look in the same places and say the same when something is missing.
#
# Each function makes an imported target, or leaves it undefined. With REQUIRED, a missing one is a fatal error that
# names the Debian package and the command that installs it.

include_guard(GLOBAL)
include(CMakeFindDependencyMacro)

set(mobula_boost_version_min 1.81)

# What to print where `what` is missing and `package` has it.
function(mobula_missing what package)
  message(FATAL_ERROR
    "Mobula needs ${what}, which was not found.\n"
    "On Debian 12 it is in the package ${package}. Install it with\n"
    "  sudo apt-get install --no-install-recommends ${package}\n"
    "${ARGN}"
  )
endfunction()

# Threads::Threads
function(mobula_find_threads)
  find_package(Threads QUIET GLOBAL)
  if(NOT TARGET Threads::Threads AND "REQUIRED" IN_LIST ARGN)
    mobula_missing("a thread library" "libc6-dev")
  endif()
endfunction()

# The version in `directory`/boost/version.hpp as "1.81", or nothing.
function(mobula_boost_version_in directory result)
  set(${result} "" PARENT_SCOPE)
  if(EXISTS "${directory}/boost/version.hpp")
    file(STRINGS "${directory}/boost/version.hpp" line REGEX "^#define BOOST_LIB_VERSION ")
    if(line MATCHES "\"([0-9]+)_([0-9]+)")
      set(${result} "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Boost::headers. Where MOBULA_BOOST_INCLUDE_DIR is set, from there and nowhere else. Otherwise a Boost that is a CMake
# package; then the headers that tools/check unpacked below build/, because an older Boost that must not be removed
# stood in their way; then whatever the compiler's usual places have.
function(mobula_find_boost)
  if(TARGET Boost::headers)
    return()
  endif()
  set(directories "${MOBULA_BOOST_INCLUDE_DIR}")
  if(NOT MOBULA_BOOST_INCLUDE_DIR)
    find_package(Boost ${mobula_boost_version_min} CONFIG QUIET GLOBAL)
    if(TARGET Boost::headers)
      return()
    endif()
    if(PROJECT_NAME STREQUAL "mobula")
      list(APPEND directories "${PROJECT_SOURCE_DIR}/build/boost-1.81/usr/include")
    endif()
    find_path(mobula_boost_anywhere boost/version.hpp NO_CACHE)
    if(mobula_boost_anywhere)
      list(APPEND directories "${mobula_boost_anywhere}")
    endif()
  endif()

  set(seen "")
  foreach(directory IN LISTS directories)
    mobula_boost_version_in("${directory}" version)
    if(NOT version)
      string(APPEND seen "There is no Boost in ${directory}\n")
    elseif(version VERSION_LESS mobula_boost_version_min)
      string(APPEND seen "Found, but too old: Boost ${version} in ${directory}\n")
    else()
      add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
      target_include_directories(Boost::headers INTERFACE "${directory}")
      # Beside an include directory lie its libraries; mobula_find_boost_library looks there.
      set_property(GLOBAL PROPERTY mobula_boost_directory "${directory}")
      return()
    endif()
  endforeach()

  if("REQUIRED" IN_LIST ARGN)
    mobula_missing("the headers of Boost ${mobula_boost_version_min} or newer" "libboost1.81-dev"
      "${seen}Where another Boost must stay installed, ./tools/check unpacks the headers below build/, and\n"
      "  -D MOBULA_BOOST_INCLUDE_DIR=<directory that holds boost/version.hpp>\n"
      "names any other place.\n"
    )
  endif()
endfunction()

# TBB::tbb
function(mobula_find_tbb)
  if(NOT TARGET TBB::tbb)
    find_package(TBB CONFIG QUIET GLOBAL)
  endif()
  if(NOT TARGET TBB::tbb AND "REQUIRED" IN_LIST ARGN)
    mobula_missing("oneTBB" "libtbb-dev")
  endif()
endfunction()

# cereal::cereal
function(mobula_find_cereal)
  if(NOT TARGET cereal::cereal)
    find_package(cereal CONFIG QUIET GLOBAL)
  endif()
  if(NOT TARGET cereal::cereal AND "REQUIRED" IN_LIST ARGN)
    mobula_missing("cereal" "libcereal-dev")
  endif()
endfunction()

# Boost::<name>, a library of the same Boost as Boost::headers; `package` is Debian's.
function(mobula_find_boost_library name package)
  mobula_find_boost(${ARGN})
  if(TARGET Boost::headers AND NOT TARGET Boost::${name})
    get_property(directory GLOBAL PROPERTY mobula_boost_directory)
    if(directory)
      find_library(mobula_boost_${name}_library
        NAMES libboost_${name}.a boost_${name} NO_CACHE NO_DEFAULT_PATH
        PATHS "${directory}/../lib" "${directory}/../lib/${CMAKE_LIBRARY_ARCHITECTURE}"
      )
      if(mobula_boost_${name}_library)
        add_library(Boost::${name} UNKNOWN IMPORTED GLOBAL)
        set_target_properties(Boost::${name} PROPERTIES
          IMPORTED_LOCATION "${mobula_boost_${name}_library}"
          INTERFACE_LINK_LIBRARIES Boost::headers
        )
      endif()
    else()
      find_package(Boost ${mobula_boost_version_min} CONFIG QUIET GLOBAL COMPONENTS ${name})
    endif()
  endif()
  if(NOT TARGET Boost::${name} AND "REQUIRED" IN_LIST ARGN)
    string(SUBSTRING ${name} 0 1 initial)
    string(TOUPPER ${initial} initial)
    string(SUBSTRING ${name} 1 -1 rest)
    mobula_missing("Boost.${initial}${rest} ${mobula_boost_version_min} or newer" ${package})
  endif()
endfunction()

# Boost::serialization
function(mobula_find_boost_serialization)
  mobula_find_boost_library(serialization libboost-serialization1.81-dev ${ARGN})
endfunction()

# Boost::context
function(mobula_find_boost_context)
  mobula_find_boost_library(context libboost-context1.81-dev ${ARGN})
endfunction()
