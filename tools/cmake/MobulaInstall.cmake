# Installs the headers, the CMake package and mobula.pc. Nothing depends on the machine's architecture, and nothing
# on where the prefix ends up: it may be moved afterwards.

include(CMakePackageConfigHelpers)

# What is installed belongs to this component, if nothing else is said.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME mobula_dev)

set(mobula_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/mobula")
get_property(mobula_components GLOBAL PROPERTY mobula_components)

# For who asks for a component that was left out.
get_property(mobula_components_left_out GLOBAL PROPERTY mobula_components_left_out)
set(mobula_why_left_out "")
foreach(component IN LISTS mobula_components_left_out)
  get_property(why GLOBAL PROPERTY mobula_left_out_${component})
  string(APPEND mobula_why_left_out "set(mobula_left_out_${component} \"${why}\")\n")
endforeach()

# An export file of its own for each, so that a component whose library is missing later doesn't take the others along.
foreach(component IN LISTS mobula_components)
  install(TARGETS mobula_${component} EXPORT mobula_${component} FILE_SET HEADERS)
  install(EXPORT mobula_${component} NAMESPACE mobula:: DESTINATION "${mobula_package_dir}"
    FILE mobula-${component}.cmake
  )
endforeach()

configure_package_config_file(tools/cmake/mobulaConfig.cmake.in mobulaConfig.cmake
  INSTALL_DESTINATION "${mobula_package_dir}" NO_SET_AND_CHECK_MACRO
)
write_basic_package_version_file(mobulaConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(
  FILES
    "${CMAKE_CURRENT_BINARY_DIR}/mobulaConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/mobulaConfigVersion.cmake"
    tools/cmake/MobulaDependencies.cmake
    tools/cmake/mobula-compiled.cmake
    tools/cmake/mobula_compiled.cpp
  DESTINATION "${mobula_package_dir}"
)

set(mobula_pkg_config_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_DATADIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}"
  OUTPUT_VARIABLE mobula_share
)
string(REGEX REPLACE "[^/]+" ".." mobula_up "${mobula_share}/pkgconfig")
configure_file(tools/cmake/mobula.pc.in mobula.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/mobula.pc" DESTINATION "${mobula_pkg_config_dir}")

# A Debian package has a file of its own for that.
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/mobula" COMPONENT mobula_license)

if(PROJECT_IS_TOP_LEVEL)
  include(MobulaPackages)
endif()
