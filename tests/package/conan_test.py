"""Goal: packaging/conan/conanfile.py says what is so, without Conan and without a network.

Method: import it with modules that take the places of Conan's and write down what it asks of them, run its steps as Conan
would, and compare what it says with the checkout and with an installation.

    conan_test.py CHECKOUT INSTALLATION
"""

import importlib.util
import os
import re
import sys
import types
from unittest import mock

checkout, stage = sys.argv[1:]
sys.dont_write_bytecode = True  # nothing is left in the checkout
recipe_folder = os.path.join(checkout, "packaging", "conan")
asked = []  # what the recipe asked of Conan: (function, arguments)


class Values(types.SimpleNamespace):
    """Options or settings."""

    def get_safe(self, name):
        return getattr(self, name.replace(".", "_"), None)

    def clear(self):
        self.__dict__.clear()


class ConanFile:
    def __init__(self, **options):
        self.recipe_folder = recipe_folder
        self.export_sources_folder, self.source_folder, self.package_folder = "exported", "source", "package"
        self.options = Values(**{**self.default_options, **options})
        self.settings = Values(os="Linux", compiler_cppstd="20", build_type="Release", arch="x86_64")
        self.info = types.SimpleNamespace(settings=Values(**vars(self.settings)))
        self.cpp_info = mock.Mock(builddirs=None)
        self.required = []

    def requires(self, reference, **traits):
        self.required.append(reference)


class InvalidConfiguration(Exception):
    pass


class Recorder:
    """A class of Conan's whose calls are written down."""

    def __init__(self, recipe):
        self.cache_variables = {}

    def __getattr__(self, name):
        return lambda *arguments: asked.append((f"{type(self).__name__}.{name}", arguments, self.cache_variables))


def function(name):
    return lambda recipe, *arguments, **named: asked.append((name, arguments, named))


def module(name, **content):
    made = types.ModuleType(name)
    vars(made).update(content)
    sys.modules[name] = made


module("conan", ConanFile=ConanFile)
module("conan.errors", ConanInvalidConfiguration=InvalidConfiguration)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=function("check_min_cppstd"), can_run=lambda recipe: True)
module("conan.tools.cmake", **{name: type(name, (Recorder,), {}) for name in ("CMake", "CMakeDeps", "CMakeToolchain")},
       cmake_layout=function("cmake_layout"))
module("conan.tools.files", copy=function("copy"), rmdir=function("rmdir"),
       load=lambda recipe, path: open(path, encoding="utf-8").read())
module("conan.tools.layout", basic_layout=function("basic_layout"))


def load(path, name):
    spec = importlib.util.spec_from_file_location("recipe", os.path.join(recipe_folder, path, "conanfile.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


def check(true, what):
    if not true:
        sys.exit(f"conan_test: {what}")


Recipe = load("", "MobulaConan")
with open(os.path.join(checkout, "CMakeLists.txt"), encoding="utf-8") as file:
    cmake = file.read()

recipe = Recipe()
recipe.set_version()
check(f"project(mobula VERSION {recipe.version} " in cmake, f"the version is said to be {recipe.version}")
check(f'DESCRIPTION "{recipe.description}"' in cmake, "the description is not CMake's")

# All that the build reads is exported.
asked.clear()
recipe.export_sources()
patterns = [arguments[0] for _, arguments, _ in asked]
check(patterns == ["CMakeLists.txt", "LICENSE", "CHANGELOG.md", "include/*", "tools/cmake/*"], f"exported: {patterns}")
for pattern in patterns:
    check(os.path.exists(os.path.join(checkout, pattern.rstrip("*"))), f"there is no {pattern}")

# Each option brings the library that it names, and tells the build.
for option, reference, switches in (
    ("with_boost", "boost", ("MOBULA_USE_BOOST", "MOBULA_USE_BOOST_CONTEXT")),
    ("with_tbb", "onetbb", ("MOBULA_USE_TBB",)),
    ("with_cereal", "cereal", ("MOBULA_USE_CEREAL",)),
):
    for chosen in (True, False):
        recipe = Recipe(**{option: chosen})
        recipe.requirements()
        names = [required.split("/")[0] for required in recipe.required]
        check((reference in names) == chosen, f"{option}={chosen} requires {names}")
        asked.clear()
        recipe.generate()
        steps = [name for name, _, _ in asked]
        check(steps == ["CMakeDeps.generate", "CMakeToolchain.generate"], f"generate: {steps}")
        variables = asked[-1][2]
        for switch in switches:
            check(variables[switch] is chosen, f"{option}={chosen} sets {switch} to {variables[switch]}")
        for variable in variables:
            check(re.search(rf"^option\({variable} ", cmake, re.MULTILINE), f"the build has no option {variable}")
try:
    Recipe(with_boost=False, with_boost_serialization=True).validate()
    check(False, "Boost.Serialization without Boost was not refused")
except InvalidConfiguration as error:
    check("wants with_boost=True" in str(error), f"refused with {error}")

asked.clear()
recipe = Recipe()
recipe.validate()
recipe.layout()
recipe.build()
recipe.package()
steps = [name for name, _, _ in asked]
check(steps == ["check_min_cppstd", "basic_layout", "CMake.configure", "CMake.install", "copy", "rmdir"], f"steps: {steps}")

recipe.package_id()
check(not vars(recipe.info.settings), "the package is said to depend on the compiler")

recipe.package_info()
recipe.cpp_info.set_property.assert_any_call("cmake_find_mode", "none")
for folder in recipe.cpp_info.builddirs:
    check(os.path.exists(os.path.join(stage, folder, "mobulaConfig.cmake")), f"there is no package in {folder}")

load("test_package", "MobulaTestPackage")
print("the recipe says what is so")
