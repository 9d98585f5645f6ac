# pgtls_precompile(target owner HEADER…): `target` is compiled with the precompiled headers of `owner`, a target of the same kind
# (library or program), which makes them of HEADER…. ccache takes their place where it is installed: it has no hits in another
# checkout with them.
option(PGTLS_PRECOMPILE "Precompile the headers of libraries" OFF)
function(pgtls_precompile target owner)
  if(NOT PGTLS_PRECOMPILE OR PGTLS_CCACHE)
    return()
  endif()
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
set(pgtls_common_headers
  <algorithm> <asio.hpp> <chrono> <filesystem> <fmt/format.h> <fmt/ranges.h> <functional> <map> <memory> <optional> <random> <set> <span>
  <sstream> <string> <string_view> <thread> <utility> <variant> <vector>)

# pgtls_library(base DEPS fmt::fmt): the library of this folder, from all its .cc files. A folder is a target; it links only
# what stands below it, so an include that points upward does not link.
function(pgtls_library name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(pgtls_${name} STATIC ${sources})
    target_link_libraries(pgtls_${name} PUBLIC pgtls_options ${arg_DEPS})
    pgtls_precompile(pgtls_${name} pgtls_base ${pgtls_common_headers})
  else()
    add_library(pgtls_${name} INTERFACE)
    target_link_libraries(pgtls_${name} INTERFACE pgtls_options ${arg_DEPS})
  endif()
endfunction()

include(GoogleTest)
# pgtls_test_entries(hba_test hba unit [VARIABLE=value]): an entry of ctest for each test of this program, hba.Suite.Test.
function(pgtls_test_entries target prefix label)
  gtest_discover_tests(${target} TEST_PREFIX ${prefix}. TEST_LIST ${prefix}_tests WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                       DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${label} TIMEOUT 600 ENVIRONMENT "${ARGN}")
endfunction()
# pgtls_pgtest_entries(hba_pgtest hba pg): the same for each major version of PostgreSQL, hba14.Suite.Test to hba18.Suite.Test.
function(pgtls_pgtest_entries target prefix label)
  foreach(major 14 15 16 17 18 19)
    pgtls_test_entries(${target} ${prefix}${major} ${label} PGTLS_TEST_MAJOR=${major})
  endforeach()
endfunction()

# pgtls_fuzz_target(token_fuzz.cc "pgtls_hba"): with PGTLS_FUZZ it looks for new inputs (label fuzz); with the address
# sanitizer alone it reads its corpus once, so that it cannot rot (label unit).
function(pgtls_fuzz_target file libraries)
  get_filename_component(target ${file} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" subject ${target})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/testdata/${subject}_corpus)
  if(PGTLS_FUZZ)
    set(label fuzz)
    set(new_inputs ${CMAKE_CURRENT_BINARY_DIR}/${target}_new)
    file(MAKE_DIRECTORY ${new_inputs})
    set(arguments -seed=1 -runs=20000 -max_len=4096 -timeout=20 ${new_inputs} ${corpus})
  elseif(PGTLS_SANITIZE MATCHES address)
    set(label unit)
    set(arguments -runs=0 ${corpus})
  else()
    return()
  endif()
  add_executable(${target} ${file})
  target_link_libraries(${target} PRIVATE ${libraries})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  add_dependencies(${label}_tests ${target})
  add_test(NAME ${target} COMMAND ${target} ${arguments})
  set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT 900)
endfunction()

# pgtls_precompile_test(hba_test): a test program's headers, with GoogleTest's.
function(pgtls_precompile_test program)
  pgtls_precompile(${program} support_pgtest ${pgtls_common_headers} <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# pgtls_tests(hba DEPS pgtls_hba [THREADS]): the tests of this folder, by the suffix of the file.
#   *_test.cc    hermetic, label unit
#   *_pgtest.cc  against real PostgreSQL servers, label pg, once for each major version
#   *_fuzz.cc    one libFuzzer target a file, with the corpus testdata/<name>_corpus: see pgtls_fuzz_target
# THREADS: the unit tests cross threads and also belong to the thread sanitizer's run (there with the label tsan).
function(pgtls_tests name)
  cmake_parse_arguments(arg "THREADS" "" "DEPS" ${ARGN})
  file(GLOB unit CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  file(GLOB pg CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_pgtest.cc)
  file(GLOB fuzz CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_fuzz.cc)
  if(unit)
    add_executable(${name}_test ${unit})
    target_link_libraries(${name}_test PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
    pgtls_precompile_test(${name}_test)
    add_dependencies(unit_tests ${name}_test)
    set(label unit)
    if(arg_THREADS)
      add_dependencies(tsan_tests ${name}_test)
      if(PGTLS_SANITIZE MATCHES thread)
        set(label tsan)
      endif()
    endif()
    pgtls_test_entries(${name}_test ${name} ${label})
  endif()
  if(pg)
    add_executable(${name}_pgtest ${pg})
    target_link_libraries(${name}_pgtest PRIVATE ${arg_DEPS} pgtls_support GTest::gmock GTest::gtest_main)
    pgtls_precompile_test(${name}_pgtest)
    add_dependencies(pg_tests ${name}_pgtest)
    pgtls_pgtest_entries(${name}_pgtest ${name} pg)
  endif()
  foreach(file ${fuzz})
    pgtls_fuzz_target(${file} "${arg_DEPS}")
  endforeach()
endfunction()
