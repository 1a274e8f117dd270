# The Debian package: `cpack -G DEB` in the build directory makes libmobula-dev, the headers with their CMake package and their
# pkg-config file. It needs no compiling, and no machine is different from another to it.
#
# What is needed of others is what the components need that everybody has. Somebody who wants threads alone needs nothing, so the
# rest is recommended or suggested, and find_package says which package is missing where a component needs it.

if(mobula_components_left_out)
  list(JOIN mobula_components_left_out ", " left_out)
  message(STATUS "Mobula: no Debian package can be made here, for it would lack ${left_out}")
  return()
endif()

find_program(MOBULA_GZIP gzip)
mark_as_advanced(MOBULA_GZIP)

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
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/debian/copyright" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libmobula-dev"
  COMPONENT mobula_debian EXCLUDE_FROM_ALL
)
if(MOBULA_GZIP)
  # Without the file's time, so that the package is the same each time.
  execute_process(COMMAND "${MOBULA_GZIP}" -9 -n -c "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
    OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.gz" COMMAND_ERROR_IS_FATAL ANY
  )
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.gz" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libmobula-dev"
    COMPONENT mobula_debian EXCLUDE_FROM_ALL
  )
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mobula)
set(CPACK_PACKAGE_VENDOR "Mobula")
set(MOBULA_PACKAGER "The authors of Mobula <mobula@example.invalid>" CACHE STRING "Whom the packages name as their maintainer")
set(CPACK_PACKAGE_CONTACT "${MOBULA_PACKAGER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_VERBATIM_VARIABLES ON)

# One package of two components: what everybody installs, and what Debian wants besides.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL mobula_dev mobula_debian)
set(CPACK_COMPONENT_MOBULA_DEV_GROUP libmobula)
set(CPACK_COMPONENT_MOBULA_DEBIAN_GROUP libmobula)

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
# After the summary; lines as long as people's terminals are.
set(CPACK_DEBIAN_LIBMOBULA_DESCRIPTION
"Mobula runs functions as tasks and objects as actors: on a pool of threads,
on forked processes of one machine or in a deterministic simulation, without
a change to the program.

This package has the headers, the CMake package and the pkg-config file.")
include(CPack)
