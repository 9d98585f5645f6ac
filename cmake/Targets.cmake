# pgtls_library(base DEPS fmt::fmt): the library of this folder, from all its .cc files. A folder is a target; it links only
# what stands below it, so an include that points upward does not link.
function(pgtls_library name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(pgtls_${name} STATIC ${sources})
    target_link_libraries(pgtls_${name} PUBLIC pgtls_options ${arg_DEPS})
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
  foreach(major 14 15 16 17 18)
    pgtls_test_entries(${target} ${prefix}${major} ${label} PGTLS_TEST_MAJOR=${major})
  endforeach()
endfunction()

# pgtls_tests(hba DEPS pgtls_hba [THREADS]): the tests of this folder, by the suffix of the file.
#   *_test.cc    hermetic, label unit
#   *_pgtest.cc  against real PostgreSQL servers, label pg, once for each major version
#   *_fuzz.cc    one libFuzzer target a file (PGTLS_FUZZ), run over its corpus testdata/<name>_corpus
# THREADS: the unit tests cross threads and also belong to the thread sanitizer's run (there with the label tsan).
function(pgtls_tests name)
  cmake_parse_arguments(arg "THREADS" "" "DEPS" ${ARGN})
  file(GLOB unit CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  file(GLOB pg CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_pgtest.cc)
  file(GLOB fuzz CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_fuzz.cc)
  if(unit)
    add_executable(${name}_test ${unit})
    target_link_libraries(${name}_test PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
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
    add_dependencies(pg_tests ${name}_pgtest)
    pgtls_pgtest_entries(${name}_pgtest ${name} pg)
  endif()
  if(PGTLS_FUZZ)
    foreach(file ${fuzz})
      get_filename_component(target ${file} NAME_WE)
      add_executable(${target} ${file})
      target_link_libraries(${target} PRIVATE ${arg_DEPS})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzz_tests ${target})
      string(REGEX REPLACE "_fuzz$" "" subject ${target})
      add_test(NAME ${target}
               COMMAND ${target} -seed=1 -runs=20000 -max_len=4096 -timeout=20 ${CMAKE_CURRENT_BINARY_DIR}/${target}_new
                       ${CMAKE_CURRENT_SOURCE_DIR}/testdata/${subject}_corpus)
      file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${target}_new)
      set_tests_properties(${target} PROPERTIES LABELS fuzz TIMEOUT 900)
    endforeach()
  endif()
endfunction()
