#!/bin/bash
# Builds and runs the tests, from a clean checkout too; warnings are errors.
#   tests/run.sh            everything but fuzz, tidy and package
#   tests/run.sh KIND…      some of:
#     format  clang-format and shellcheck
#     unit    hermetic tests, address and undefined-behaviour sanitizers
#     pg      tests against real PostgreSQL 14 to 18, the same sanitizers
#     e2e     the program itself against real servers, the same sanitizers
#     tsan    the tests that cross threads, thread sanitizer
#     fuzz    every fuzz target over its corpus and a fixed number of runs: minutes, only when asked for
#     tidy    clang-tidy, half an hour where it has no verdicts yet: only when asked for
#     package the Debian package, built and installed in a clean Debian 12; as root, and only when asked for
#   tests/run.sh one hba 'Tokenize.*'   the tests of one folder that fit GoogleTest's filter (without it: all of them);
#             those against a real server run on PostgreSQL $PGTLS_TEST_MAJOR, 15 without it
# Builds go to build/asan, build/tsan, build/fuzz, build/tidy. PGTLS_CACHE holds PostgreSQL servers and clang-tidy's verdicts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all='format unit pg e2e tsan'
extra='fuzz tidy package'
jobs=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs CTEST_OUTPUT_ON_FAILURE=1 CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD

# build PRESET TARGET…
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || { cat "build-$preset.log"; rm -f "build-$preset.log"; return 1; }
  rm -f "build-$preset.log"
  cmake --build "build/$preset" --target "$@" -- --quiet
}

# one FOLDER [FILTER]
one() {
  local folder=$1 filter=${2:-*} name program ran=
  deploy/install-dependencies.sh test || return 1
  cmake --preset asan >/dev/null || return 1
  for name in "${folder}_test" "${folder}_pgtest"; do
    ninja -C build/asan -t query "$name" >/dev/null 2>&1 || continue
    build asan "$name" || return 1
    program=$(find build/asan -name "$name" -type f)
    "$program" --gtest_filter="$filter" --gtest_list_tests | grep '^  ' >/dev/null || continue
    "$program" --gtest_filter="$filter" || return 1
    ran=yes
  done
  [[ -n $ran ]] || { echo "run.sh: no C++ test of the folder '$folder' fits '$filter'" >&2; return 2; }
}
if [[ ${1:-} == one && $# -ge 2 && $# -le 3 ]]; then
  one "${@:2}"
  exit
fi

kinds=${*:-$all}
for kind in $kinds; do
  case " $all $extra " in
    *" $kind "*) ;;
    *) echo "run.sh: no kind '$kind'; there are: $all $extra" >&2; exit 2 ;;
  esac
done
wants() { [[ " $kinds " == *" $1 "* ]]; }

declare -a failed=()
# step NAME COMMAND…: runs it, says how long it took, goes on after a failure.
step() {
  local name=$1 start=$SECONDS
  shift
  echo "── $name"
  if "$@"; then
    echo "── $name: ok, $((SECONDS - start)) s"
  else
    failed+=("$name")
    echo "── $name: FAILED, $((SECONDS - start)) s"
    return 1
  fi
}

first_party() { find exporter collectors tests deploy \( -name "$1" -o -name "${2:-$1}" \) -type f -print0; }
format() { first_party '*.cc' '*.h' | xargs -0 clang-format-19 --dry-run -Werror; }
shell_scripts() { first_party '*.sh' | xargs -0 shellcheck tests/run.sh .ci/run; }
fetch_servers() {
  local major
  for major in 14 15 16 17 18; do
    tests/support/fetch-postgres.sh $major >/dev/null || return 1
  done
}
# run PRESET LABEL: tests against real servers wait most of the time.
run() {
  local parallel=$jobs
  [[ $2 == pg || $2 == e2e ]] && parallel=$((jobs * 3))
  ctest --test-dir "build/$1" --parallel "$parallel" --label-regex "^$2\$" --no-tests=error --quiet --output-log "build/$1/$2.log" ||
    { tail -n 200 "build/$1/$2.log"; return 1; }
}

step "install what is missing" deploy/install-dependencies.sh test || exit 1

if wants format; then
  step "clang-format" format
  step "shellcheck" shell_scripts
fi
targets=()
for kind in unit pg e2e; do
  wants $kind && targets+=("${kind}_tests")
done
if ((${#targets[@]})); then
  if wants pg || wants e2e; then step "fetch PostgreSQL servers" fetch_servers; fi
  if step "build with address and undefined-behaviour sanitizers" build asan "${targets[@]}"; then
    for kind in unit pg e2e; do
      wants $kind && step "$kind tests" run asan $kind
    done
  fi
fi
wants tsan && step "build with thread sanitizer" build tsan tsan_tests && step "tsan tests" run tsan tsan
wants fuzz && step "build fuzz targets" build fuzz fuzz_tests && step "fuzz tests" run fuzz fuzz
wants tidy && step "clang-tidy" tests/tidy.py
wants package && step "Debian package" tests/deploy/debian_package_test.sh

echo
if ((${#failed[@]})); then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All passed: $kinds. $SECONDS s."
