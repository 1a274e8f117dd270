# mobula::compiled: as mobula::backends, but compiled once, by the project that asks for it and with its flags, and only if
# something is linked with it. Included by mobulaConfig.cmake of an installation.

get_property(mobula_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if("CXX" IN_LIST mobula_languages)
  add_library(mobula_compiled STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/mobula_compiled.cpp")
  add_library(mobula::compiled ALIAS mobula_compiled)
  target_link_libraries(mobula_compiled PUBLIC mobula::backends)
  target_compile_definitions(mobula_compiled PUBLIC MOBULA_SEPARATE_COMPILATION=1)
endif()
