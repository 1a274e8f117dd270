# mobula_test(<executable> SOURCES <source>... [LINKS <target>...] [BACKENDS <backend>...])
#
# Makes a Catch2 executable and registers every case with CTest under <name>.<case>, where <name> is the executable's
# without test_. With BACKENDS, every case is registered once per backend as <name>.<backend>.<case> and finds the
# backend in the variable MOBULA_BACKEND; "threads-tbb" is the backend threads with MOBULA_EXECUTOR=tbb.
function(mobula_test executable)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;BACKENDS")
  add_executable(${executable} ${arg_SOURCES})
  target_link_libraries(${executable} PRIVATE mobula_test_support ${arg_LINKS})
  target_precompile_headers(${executable} REUSE_FROM mobula_test_support)

  string(REGEX REPLACE "^test_" "" name ${executable})
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${executable}_tests.cmake")
  set(parts "")
  set(commands "")
  if(arg_BACKENDS)
    foreach(backend IN LISTS arg_BACKENDS)
      list(APPEND parts "${script}.${backend}")
      string(REPLACE "-" "$<SEMICOLON>MOBULA_EXECUTOR=" variables "MOBULA_BACKEND=${backend}")
      list(APPEND commands COMMAND
        $<TARGET_FILE:${executable}> --ctest-script ${name}.${backend}. ${MOBULA_TEST_SECONDS} "${name}$<SEMICOLON>${backend}"
        "${variables}" > "${script}.${backend}"
      )
    endforeach()
  else()
    list(APPEND parts "${script}.all")
    list(APPEND commands COMMAND
      $<TARGET_FILE:${executable}> --ctest-script ${name}. ${MOBULA_TEST_SECONDS} ${name} > "${script}.all"
    )
  endif()
  add_custom_command(TARGET ${executable} POST_BUILD ${commands} BYPRODUCTS ${parts} VERBATIM)

  # CTest reads this file. An executable that was not built is a test that fails, not one that is forgotten.
  set(content "")
  foreach(part IN LISTS parts)
    string(APPEND content
      "if(EXISTS \"${part}\")\n  include(\"${part}\")\nelse()\n  add_test(${name}.was_not_built \"${CMAKE_COMMAND}\" -E false)\nendif()\n"
    )
  endforeach()
  file(WRITE "${script}" "${content}")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${script}")
endfunction()

# Makes test_<area> of tests/<area>/*.cpp, its shared libraries and its programs.
function(mobula_test_area area)
  file(GLOB sources CONFIGURE_DEPENDS "${area}/*.cpp")
  file(GLOB shared CONFIGURE_DEPENDS "${area}/shared/*.cpp")
  file(GLOB programs CONFIGURE_DEPENDS "${area}/programs/*.cpp")
  if(NOT test_processes)
    list(FILTER sources EXCLUDE REGEX "/processes_[^/]*$")
    list(FILTER programs EXCLUDE REGEX "/processes_[^/]*$")
  endif()

  set(libraries "")
  foreach(source IN LISTS shared)
    cmake_path(GET source STEM stem)
    add_library(${area}_${stem} SHARED ${source})
    target_link_libraries(${area}_${stem} PUBLIC mobula_test_options)
    list(APPEND libraries ${area}_${stem})
  endforeach()

  if(sources)
    mobula_test(test_${area} SOURCES ${sources} LINKS ${libraries})
    set_property(GLOBAL APPEND PROPERTY MOBULA_TEST_TARGETS_${area} test_${area})
  endif()

  foreach(source IN LISTS programs)
    cmake_path(GET source STEM stem)
    add_executable(${area}_${stem} ${source})
    target_link_libraries(${area}_${stem} PRIVATE mobula_test_options ${libraries})
    set_property(GLOBAL APPEND PROPERTY MOBULA_TEST_TARGETS_${area} ${area}_${stem})
    mobula_output_test(${area}.program.${stem} ${area}_${stem} ${source} LABEL ${area})
  endforeach()
endfunction()

# Makes `conformance` of tests/conformance/*.cpp, run once on each of the backends.
function(mobula_conformance_tests)
  file(GLOB sources CONFIGURE_DEPENDS "conformance/*.cpp")
  set(backends ${ARGN})
  if(TARGET mobula::tbb AND MOBULA_TEST_TBB AND "threads" IN_LIST backends)
    list(APPEND backends threads-tbb)
  endif()
  if(sources)
    mobula_test(conformance SOURCES ${sources} BACKENDS ${backends})
    set_property(GLOBAL APPEND PROPERTY MOBULA_TEST_TARGETS_conformance conformance)
  endif()
endfunction()

# mobula_output_test(<test> <executable> <source> [LABEL <label>] [ENVIRONMENT <variable=value>...])
#
# Runs the commands in the first comment of the source and compares what they print with what stands there.
function(mobula_output_test test executable source)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "LABEL" "ENVIRONMENT")
  cmake_path(GET source STEM stem)
  add_test(NAME ${test} COMMAND
    bash "${PROJECT_SOURCE_DIR}/tests/support/check_output.sh" "${source}" ${stem} $<TARGET_FILE:${executable}>
  )
  set_tests_properties(${test} PROPERTIES
    TIMEOUT ${MOBULA_TEST_SECONDS} LABELS "${arg_LABEL}" ENVIRONMENT "${arg_ENVIRONMENT}"
  )
endfunction()
