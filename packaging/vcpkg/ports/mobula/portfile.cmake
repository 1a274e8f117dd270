# An overlay port: the source is the checkout that it lies in.
#
#   vcpkg install mobula --overlay-ports=<checkout>/packaging/vcpkg/ports
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../.." ABSOLUTE)

# Headers: there is nothing to build twice.
set(VCPKG_BUILD_TYPE release)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    boost-serialization MOBULA_USE_BOOST_SERIALIZATION
    cereal              MOBULA_USE_CEREAL
    processes           MOBULA_USE_BOOST
    simulation          MOBULA_USE_BOOST_CONTEXT
    tbb                 MOBULA_USE_TBB
)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DMOBULA_BUILD_TESTS=OFF
    -DMOBULA_BUILD_EXAMPLES=OFF
    -DMOBULA_BUILD_BENCH=OFF
    -DMOBULA_BUILD_TOOLS=OFF
    -DMOBULA_BUILD_DOCS=OFF
    -DMOBULA_SEPARATE_COMPILATION=OFF
    -DMOBULA_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME mobula CONFIG_PATH share/cmake/mobula)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
