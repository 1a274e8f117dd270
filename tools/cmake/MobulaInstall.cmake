# Installs the headers, the CMake package and mobula.pc. Nothing depends on the machine's architecture, and nothing
# on where the prefix ends up: it may be moved afterwards.

include(CMakePackageConfigHelpers)

set(mobula_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/mobula")
get_property(mobula_components GLOBAL PROPERTY mobula_components)

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
  DESTINATION "${mobula_package_dir}"
)

set(mobula_pkg_config_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_DATADIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}"
  OUTPUT_VARIABLE mobula_share
)
string(REGEX REPLACE "[^/]+" ".." mobula_up "${mobula_share}/pkgconfig")
configure_file(tools/cmake/mobula.pc.in mobula.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/mobula.pc" DESTINATION "${mobula_pkg_config_dir}")

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/mobula")
