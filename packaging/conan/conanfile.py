"""The recipe of Mobula for Conan 2: `conan create packaging/conan` in a checkout.

The package is what `cmake --install` makes: headers and the CMake package `mobula`, which is found as it is
(`find_package(mobula COMPONENTS processes)`) and itself looks for what its components need.
"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load, rmdir
from conan.tools.layout import basic_layout


class MobulaConan(ConanFile):
    name = "mobula"
    description = "Tasks, actors and objects for C++20, from one thread pool to a cluster"
    license = "Apache-2.0"
    topics = ("tasks", "actors", "parallel", "distributed", "header-only")
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    options = {
        "with_boost": [True, False],  # mobula::processes and mobula::simulation
        "with_tbb": [True, False],
        "with_cereal": [True, False],
        "with_boost_serialization": [True, False],  # wants with_boost
    }
    default_options = {
        "with_boost": True,
        "with_tbb": False,
        "with_cereal": False,
        "with_boost_serialization": False,
    }
    no_copy_source = True

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._checkout, "CMakeLists.txt"))
        self.version = re.search(r"^project\(mobula VERSION ([0-9.]+) ", text, re.MULTILINE).group(1)

    def export_sources(self):
        for what in ("CMakeLists.txt", "LICENSE", "CHANGELOG.md", "include/*", "tools/cmake/*"):
            copy(self, what, self._checkout, self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def validate(self):
        if self.options.with_boost_serialization and not self.options.with_boost:
            raise ConanInvalidConfiguration("with_boost_serialization=True wants with_boost=True")
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def requirements(self):
        # What its users compile against is theirs, too.
        if self.options.with_boost:
            self.requires("boost/[>=1.81.0 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.with_tbb:
            self.requires("onetbb/[>=2021.8.0]", transitive_headers=True, transitive_libs=True)
        if self.options.with_cereal:
            self.requires("cereal/[>=1.3.0 <2]", transitive_headers=True)

    def package_id(self):
        # The same headers for every compiler; which of them are there, the options say.
        self.info.settings.clear()

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        # Only the library; these are on where Mobula is built by itself.
        for part in ("TESTS", "EXAMPLES", "BENCH", "TOOLS", "DOCS"):
            toolchain.cache_variables["MOBULA_BUILD_" + part] = False
        toolchain.cache_variables["MOBULA_SEPARATE_COMPILATION"] = False
        toolchain.cache_variables["MOBULA_INSTALL"] = True
        toolchain.cache_variables["MOBULA_USE_BOOST"] = bool(self.options.with_boost)
        toolchain.cache_variables["MOBULA_USE_BOOST_CONTEXT"] = bool(self.options.with_boost)
        toolchain.cache_variables["MOBULA_USE_BOOST_SERIALIZATION"] = bool(
            self.options.with_boost_serialization
        )
        toolchain.cache_variables["MOBULA_USE_TBB"] = bool(self.options.with_tbb)
        toolchain.cache_variables["MOBULA_USE_CEREAL"] = bool(self.options.with_cereal)
        toolchain.generate()

    def build(self):
        CMake(self).configure()  # there is nothing to compile

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "doc"))

    def package_info(self):
        # find_package finds the package's own files, which know its components.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "mobula")]
        self.cpp_info.set_property("pkg_config_name", "mobula")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
