# g++ miscompiles coroutines, and the program crashes at run time. g++ 12: co_await inside the condition of an if, and temporaries
# of a co_await expression that are destroyed twice. g++ 14.2: in an argument of co_await, the operand of ?: or && that is not
# taken is evaluated where it has a temporary; co_await f(p ? g(*p) : 0) reads a null pointer. No other g++ has been tried.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION}: this program is built on C++ coroutines, which g++ 12 (co_await in conditions, temporaries "
    "destroyed twice) and g++ 14 (arguments of co_await: the operand of ?: or && that is not taken is evaluated) miscompile. "
    "Use clang 19: apt-get install clang-19, then cmake --preset release (or -DCMAKE_CXX_COMPILER=clang++-19).")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

set(PGTLS_SANITIZE "" CACHE STRING "Sanitizers: empty, address,undefined or thread")
option(PGTLS_FUZZ "Build the fuzz targets (libFuzzer)" OFF)

add_library(pgtls_options INTERFACE)
target_compile_options(pgtls_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  # Spelling a designated initializer out in part is how options with defaults are written here.
  -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
# Off by default: a newer compiler's new warning must not stop a distribution's build.
option(PGTLS_WERROR "Warnings are errors" OFF)
if(PGTLS_WERROR)
  target_compile_options(pgtls_options INTERFACE -Werror)
endif()
target_include_directories(pgtls_options INTERFACE ${PROJECT_SOURCE_DIR})
# A daemon that reads what strangers send. Sanitizers and libFuzzer bring checks of their own.
include(CheckPIESupported)
check_pie_supported(OUTPUT_VARIABLE pie_output LANGUAGES CXX)
if(NOT CMAKE_CXX_LINK_PIE_SUPPORTED)
  message(FATAL_ERROR "the compiler cannot link a position-independent executable: ${pie_output}")
endif()
target_link_options(pgtls_options INTERFACE -Wl,-z,relro,-z,now)
if(NOT PGTLS_SANITIZE AND NOT PGTLS_FUZZ)
  target_compile_options(pgtls_options INTERFACE -fstack-protector-strong -fstack-clash-protection)
  target_compile_definitions(pgtls_options INTERFACE _GLIBCXX_ASSERTIONS)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(pgtls_options INTERFACE -fcf-protection=full)
  endif()
  # It needs the optimizer.
  target_compile_options(pgtls_options INTERFACE $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
if(PGTLS_SANITIZE)
  target_compile_options(pgtls_options INTERFACE
    -fsanitize=${PGTLS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(pgtls_options INTERFACE -fsanitize=${PGTLS_SANITIZE})
endif()
if(PGTLS_FUZZ)
  target_compile_options(pgtls_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(PGTLS_LLD NAMES ld.lld-19 ld.lld)
if(PGTLS_LLD)
  target_link_options(pgtls_options INTERFACE --ld-path=${PGTLS_LLD})
endif()

find_program(PGTLS_CCACHE ccache)
if(PGTLS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PGTLS_CCACHE})
endif()
