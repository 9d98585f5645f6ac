# As a script, at every build: writes OUTPUT, a header with the version and the git revision of SOURCE. It is written anew
# only when it changes.
#   cmake -D SOURCE=… -D OUTPUT=… -D VERSION=… -P BuildInfo.cmake
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE revision
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT revision)
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once
#define PGTLS_VERSION \"${VERSION}\"
#define PGTLS_REVISION \"${revision}\"
" @ONLY)
