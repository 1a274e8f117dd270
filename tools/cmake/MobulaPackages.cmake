# The Debian packages: `cpack -G DEB` in the build directory makes libmobula-dev, the headers with their CMake package and their
# pkg-config file, which needs no compiling, and no machine is different from another to it; and mobula-tools, the command mobula,
# where that is built.
#
# What is needed of others is what the components need that everybody has. Somebody who wants threads alone needs nothing, so the
# rest is recommended or suggested, and find_package says which package is missing where a component needs it.

set(MOBULA_DEBIAN_PACKAGES "" CACHE INTERNAL "")  # for the tests
if(mobula_components_left_out)
  list(JOIN mobula_components_left_out ", " left_out)
  message(STATUS "Mobula: no Debian package can be made here, for it would lack ${left_out}")
  return()
endif()

find_program(MOBULA_GZIP gzip)
find_program(MOBULA_DPKG dpkg)
find_program(MOBULA_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(MOBULA_GZIP MOBULA_DPKG MOBULA_SHLIBDEPS)

set(mobula_debian_packages libmobula-dev)
if(MOBULA_BUILD_TOOLS AND MOBULA_DPKG AND MOBULA_SHLIBDEPS)
  list(APPEND mobula_debian_packages mobula-tools)
else()
  message(STATUS "Mobula: no Debian package mobula-tools can be made here, for MOBULA_BUILD_TOOLS is off or dpkg-dev is not there")
endif()
set(MOBULA_DEBIAN_PACKAGES ${mobula_debian_packages} CACHE INTERNAL "")

# What belongs into Debian's package alone, and not into `cmake --install`.
file(CONFIGURE OUTPUT debian/copyright @ONLY CONTENT
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Mobula

Files: *
Copyright: The authors of Mobula
License: Apache-2.0
 On Debian systems, the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
")
set(mobula_debian_files "${CMAKE_CURRENT_BINARY_DIR}/debian/copyright")
if(MOBULA_GZIP)
  # Without the file's time, so that the package is the same each time.
  execute_process(COMMAND "${MOBULA_GZIP}" -9 -n -c "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
    OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.gz" COMMAND_ERROR_IS_FATAL ANY
  )
  list(APPEND mobula_debian_files "${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.gz")
endif()
set(mobula_debian_component_libmobula-dev mobula_debian)
set(mobula_debian_component_mobula-tools mobula_tools_debian)
foreach(package IN LISTS mobula_debian_packages)
  install(FILES ${mobula_debian_files} DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${package}"
    COMPONENT ${mobula_debian_component_${package}} EXCLUDE_FROM_ALL
  )
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mobula)
set(CPACK_PACKAGE_VENDOR "Mobula")
set(MOBULA_PACKAGER "The authors of Mobula <mobula@example.invalid>" CACHE STRING "Whom the packages name as their maintainer")
set(CPACK_PACKAGE_CONTACT "${MOBULA_PACKAGER}")
# CPack puts this line before the description of each package, unless it is the one that it makes up itself. Each has its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_NAME} built using CMake")
set(CPACK_VERBATIM_VARIABLES ON)

# Packages of two components each: what everybody installs, and what Debian wants besides.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL mobula_dev mobula_debian)
set(CPACK_COMPONENT_MOBULA_DEV_GROUP libmobula)
set(CPACK_COMPONENT_MOBULA_DEBIAN_GROUP libmobula)
if("mobula-tools" IN_LIST mobula_debian_packages)
  list(APPEND CPACK_COMPONENTS_ALL mobula_tools mobula_tools_debian)
  set(CPACK_COMPONENT_MOBULA_TOOLS_GROUP tools)
  set(CPACK_COMPONENT_MOBULA_TOOLS_DEBIAN_GROUP tools)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_NAME libmobula-dev)
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_PRIORITY optional)
# mobula::core, mobula::mobula, mobula::threads and mobula::loopback.
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_DEPENDS "g++ (>= 4:12) | clang (>= 1:14) | c++-compiler, libc6-dev | libc-dev")
# mobula::processes, then mobula::simulation.
set(mobula_boost_debian "libboost${mobula_boost_version_min}-dev | libboost-dev (>= ${mobula_boost_version_min})")
set(mobula_context_debian
    "libboost-context${mobula_boost_version_min}-dev | libboost-context-dev (>= ${mobula_boost_version_min})"
)
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_RECOMMENDS "${mobula_boost_debian}, ${mobula_context_debian}")
# mobula::tbb, mobula::cereal, mobula::boost_serialization; and what finds the headers.
string(REPLACE "context" "serialization" mobula_serialization_debian "${mobula_context_debian}")
set(CPACK_DEBIAN_LIBMOBULA_PACKAGE_SUGGESTS
    "libtbb-dev, libcereal-dev, ${mobula_serialization_debian}, cmake (>= 3.25), pkg-config"
)
# The summary, then lines as long as people's terminals are.
set(CPACK_DEBIAN_LIBMOBULA_DESCRIPTION
"${PROJECT_DESCRIPTION}
Mobula runs functions as tasks and objects as actors: on a pool of threads,
on forked processes of one machine or in a deterministic simulation, without
a change to the program.

This package has the headers, the CMake package and the pkg-config file.")

if("mobula-tools" IN_LIST mobula_debian_packages)
  execute_process(COMMAND "${MOBULA_DPKG}" --print-architecture OUTPUT_VARIABLE mobula_debian_architecture
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
  )
  set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME mobula-tools)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_ARCHITECTURE ${mobula_debian_architecture})
  set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_PRIORITY optional)
  # The C and the C++ library, in the versions that the executable was linked with.
  set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "libmobula-dev, bash-completion")
  set(CPACK_STRIP_FILES ON)
  set(CPACK_DEBIAN_TOOLS_DESCRIPTION
"command that tells what a list of machines means
Mobula runs functions as tasks and objects as actors, in C++.

This package has the command mobula, which reads lists of machines in the
forms of Open MPI, MPICH, Slurm, pdsh, GNU parallel, PBS, LSF and Grid Engine,
and tells what they mean; its manual, and its completion for bash.")
endif()
include(CPack)
