# Everything comes from Debian 12; deploy/install-dependencies.sh installs it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
find_path(CIVETWEB_INCLUDE civetweb.h REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
find_library(CRYPT_LIBRARY crypt REQUIRED)
find_path(ASIO_INCLUDE asio.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)

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
