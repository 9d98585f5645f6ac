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
# Builds go to build/asan, build/tsan, build/fuzz, build/tidy. PGTLS_CACHE holds PostgreSQL servers and clang-tidy's verdicts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all='format unit pg e2e tsan'
extra='fuzz tidy package'
kinds=${*:-$all}
for kind in $kinds; do
  case " $all $extra " in
    *" $kind "*) ;;
    *) echo "run.sh: no kind '$kind'; there are: $all $extra" >&2; exit 2 ;;
  esac
done
jobs=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs CTEST_PARALLEL_LEVEL=$jobs CTEST_OUTPUT_ON_FAILURE=1 CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD

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
# build PRESET TARGET…
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || { cat "build-$preset.log"; rm -f "build-$preset.log"; return 1; }
  rm -f "build-$preset.log"
  cmake --build "build/$preset" --target "$@" -- --quiet
}
# run PRESET LABEL
run() { ctest --test-dir "build/$1" --label-regex "^$2\$" --no-tests=error --quiet --output-log "build/$1/$2.log" ||
  { tail -n 200 "build/$1/$2.log"; return 1; }; }

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
