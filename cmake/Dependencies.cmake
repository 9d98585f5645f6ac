# Everything comes from Debian 12 or 13; deploy/install-dependencies.sh installs it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
find_path(CIVETWEB_INCLUDE civetweb.h REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
find_library(CRYPT_LIBRARY crypt REQUIRED)
find_path(ASIO_INCLUDE asio.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)

# pgtls_require_version(NAME HEADER PATTERN OLDEST): of a library that tells CMake nothing but a macro in a header.
function(pgtls_require_version name header pattern oldest)
  file(STRINGS ${header} line REGEX "${pattern}" LIMIT_COUNT 1)
  if(NOT line MATCHES "${pattern}")
    message(FATAL_ERROR "${header} does not tell the version of ${name}; ${oldest} or newer is needed")
  endif()
  if(CMAKE_MATCH_1 VERSION_LESS oldest)
    message(FATAL_ERROR "${name} ${CMAKE_MATCH_1} (${header}) is too old: ${oldest} or newer is needed")
  endif()
  message(STATUS "${name} ${CMAKE_MATCH_1}")
endfunction()
pgtls_require_version(CivetWeb ${CIVETWEB_INCLUDE}/civetweb.h "define CIVETWEB_VERSION \"([0-9.]+)\"" 1.15)
pgtls_require_version(CLI11 ${CLI11_INCLUDE}/CLI/Version.hpp "define CLI11_VERSION \"([0-9.]+)\"" 2.1)
# Asio's is a number: 102201 is 1.22.1.
pgtls_require_version(Asio ${ASIO_INCLUDE}/asio/version.hpp "define ASIO_VERSION ([0-9]+)" 102200)

# The one target through which Asio is used: clang needs these said, and a translation unit that did not would see other
# types under the same names.
add_library(pgtls_asio INTERFACE)
target_compile_definitions(pgtls_asio INTERFACE
  ASIO_STANDALONE ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE ASIO_HAS_STD_ALIGNED_ALLOC ASIO_SEPARATE_COMPILATION
  ASIO_NO_DEPRECATED)
if(PGTLS_SANITIZE MATCHES thread)
  # Thread sanitizer does not model atomic_thread_fence.
  target_compile_definitions(pgtls_asio INTERFACE ASIO_DISABLE_FENCED_BLOCK)
endif()
target_include_directories(pgtls_asio SYSTEM INTERFACE ${ASIO_INCLUDE})
target_link_libraries(pgtls_asio INTERFACE Threads::Threads OpenSSL::SSL)

add_library(pgtls_civetweb INTERFACE)
target_include_directories(pgtls_civetweb SYSTEM INTERFACE ${CIVETWEB_INCLUDE})
target_link_libraries(pgtls_civetweb INTERFACE ${CIVETWEB_LIBRARY})
