# Runs the portfile of packaging/vcpkg as vcpkg does, with functions that take the places of vcpkg's own: each does what its
# original does to a port like this one, refuses what it does not know, and writes down that it was called.
#
#   cmake -D PORT_DIR=... -D PACKAGES_DIR=... -D BUILD_DIR=... -D GENERATOR=... -D FEATURES=a;b -P vcpkg_stubs.cmake
cmake_minimum_required(VERSION 3.25)

set(PORT mobula)
set(CURRENT_PORT_DIR "${PORT_DIR}")
set(CURRENT_PACKAGES_DIR "${PACKAGES_DIR}")
set(CURRENT_BUILDTREES_DIR "${BUILD_DIR}")
set(VCPKG_TARGET_IS_LINUX ON)

# The arguments must be these and no others; each is then arg_<name>.
macro(vcpkg_called function)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${one}" "${several}")
  if(DEFINED arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function} does not know ${arg_UNPARSED_ARGUMENTS}")
  endif()
  file(APPEND "${PACKAGES_DIR}.calls" "${function}\n")
endmacro()

function(vcpkg_check_features)
  set(one OUT_FEATURE_OPTIONS)
  set(several FEATURES)
  vcpkg_called(vcpkg_check_features)
  set(options "")
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature variable)
    if(feature IN_LIST FEATURES)
      list(APPEND options "-D${variable}=ON")
    else()
      list(APPEND options "-D${variable}=OFF")
    endif()
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  set(one SOURCE_PATH)
  set(several OPTIONS)
  vcpkg_called(vcpkg_cmake_configure)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${BUILD_DIR}" -G "${GENERATOR}"
    -D CMAKE_BUILD_TYPE=Release -D "CMAKE_INSTALL_PREFIX=${PACKAGES_DIR}" ${arg_OPTIONS}
    COMMAND_ERROR_IS_FATAL ANY
  )
endfunction()

function(vcpkg_cmake_install)
  set(one "")
  set(several "")
  vcpkg_called(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD_DIR}" --target install COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves the package, and mends the way from it to the prefix.
function(vcpkg_cmake_config_fixup)
  set(one PACKAGE_NAME CONFIG_PATH)
  set(several "")
  vcpkg_called(vcpkg_cmake_config_fixup)
  file(GLOB files "${PACKAGES_DIR}/${arg_CONFIG_PATH}/*")
  if(NOT files)
    message(FATAL_ERROR "there is nothing in ${arg_CONFIG_PATH}")
  endif()
  file(COPY ${files} DESTINATION "${PACKAGES_DIR}/share/${arg_PACKAGE_NAME}")
  cmake_path(GET arg_CONFIG_PATH PARENT_PATH parent)
  file(REMOVE_RECURSE "${PACKAGES_DIR}/${parent}")
  file(GLOB files "${PACKAGES_DIR}/share/${arg_PACKAGE_NAME}/*.cmake")
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    # One step less: share/cmake/mobula has become share/mobula.
    string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_FILE}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)"
                   "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_FILE}\" PATH)" text "${text}")
    string(REPLACE "\${CMAKE_CURRENT_LIST_DIR}/../../../" "\${CMAKE_CURRENT_LIST_DIR}/../../" text "${text}")
    file(WRITE "${file}" "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
  set(one "")
  set(several "")
  vcpkg_called(vcpkg_fixup_pkgconfig)
  file(GLOB_RECURSE files "${PACKAGES_DIR}/*.pc")
  if(NOT files)
    message(FATAL_ERROR "there is no pkg-config file")
  endif()
endfunction()

function(vcpkg_install_copyright)
  set(one "")
  set(several FILE_LIST)
  vcpkg_called(vcpkg_install_copyright)
  file(COPY_FILE ${arg_FILE_LIST} "${PACKAGES_DIR}/share/${PORT}/copyright")
endfunction()

file(MAKE_DIRECTORY "${PACKAGES_DIR}")
file(WRITE "${PACKAGES_DIR}.calls" "")
include("${PORT_DIR}/portfile.cmake")
