#!/bin/bash
# Builds and runs the tests, also from a clean checkout. Warnings are errors.
#   tests/run.sh            everything except unit, fuzz, tidy and package
#   tests/run.sh KIND…      some of:
#     unit    hermetic tests without sanitizers: the quick round while you work
#     format  clang-format and shellcheck
#     asan    hermetic tests, address and undefined-behaviour sanitizers
#     pg      tests against real PostgreSQL 14 to 19, the same sanitizers
#     e2e     the program itself against real servers, the same sanitizers
#     tsan    tests that cross threads, thread sanitizer
#     fuzz    every fuzz target over its corpus and a fixed number of runs; minutes
#     tidy    clang-tidy; half an hour the first time, verdicts are cached
#     debian13 hermetic tests and the demo in a Debian 13 of its own, without sanitizers; needs root
#     package the Debian packages, built and installed in a clean Debian 12 and a clean Debian 13; needs root
#     dashboards  each dashboard drawn by Grafana's own components, with what the demo has; 600 MB from npm; needs root
#   tests/run.sh one FOLDER [FILTER]   the tests of one folder that match GoogleTest's filter, for example: one hba 'Tokenize.*'
# PGTLS_PRESET        preset that `one` builds: asan (default) or dev
# PGTLS_TEST_MAJOR    version of PostgreSQL that `one` runs, 14 to 19 (default 15)
# PGTLS_WITHOUT       tests that do not run, as a regular expression of ctest
# PGTLS_CACHE         folder for PostgreSQL servers and verdicts of clang-tidy
# Builds go to build/PRESET. Packages that a kind needs and that are missing are installed: only that needs root or sudo.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all='format asan pg e2e tsan debian13'
extra='unit fuzz tidy package dashboards'
jobs=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs CTEST_OUTPUT_ON_FAILURE=1 CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD

# build PRESET TARGET…
build() {
  local preset=$1 log=build/configure-$1.log
  shift
  mkdir -p build
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log"; return 1; }
  cmake --build "build/$preset" --target "$@" -- --quiet
}

# one FOLDER [FILTER]
one() {
  local folder=$1 filter=${2:-*} preset=${PGTLS_PRESET:-asan} name program ran=
  deploy/install-dependencies.sh test || return 1
  cmake --preset "$preset" >/dev/null || return 1
  for name in "${folder}_test" "${folder}_pgtest" "${folder}_oncetest"; do
    ninja -C "build/$preset" -t query "$name" >/dev/null 2>&1 || continue
    build "$preset" "$name" || return 1
    program=$(find "build/$preset" -name "$name" -type f)
    "$program" --gtest_filter="$filter" --gtest_list_tests | grep '^  ' >/dev/null || continue
    "$program" --gtest_filter="$filter" || return 1
    ran=yes
  done
  [[ -n $ran ]] || { echo "run.sh: no C++ test of the folder '$folder' matches '$filter'" >&2; return 2; }
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

declare -a failed=() reports=()
# step NAME COMMAND…: runs it, prints how long it took, goes on after a failure.
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

install_missing() {
  local kind
  for kind in $kinds; do
    case $kind in
      format | unit) deploy/install-dependencies.sh "$kind" || return 1 ;;
      *) deploy/install-dependencies.sh test || return 1 ;;
    esac
  done
}
first_party() { find exporter collectors tests deploy \( -name "$1" -o -name "${2:-$1}" \) -type f -print0; }
format() { first_party '*.cc' '*.h' | xargs -0 clang-format-19 --dry-run -Werror; }
shell_scripts() { first_party '*.sh' | xargs -0 shellcheck tests/run.sh .ci/run; }
fetch_servers() {
  local major suite
  for major in 14 15 16 17 18 19; do
    tests/support/fetch-postgres.sh $major >/dev/null || return 1
  done
  tests/support/fetch-debian.sh sid prometheus >/dev/null || return 1
  tests/support/fetch-debian.sh sid victoria-metrics >/dev/null || return 1
  for suite in bookworm trixie sid; do
    tests/support/fetch-debian.sh $suite pgbouncer >/dev/null || return 1
  done
}
# run PRESET LABEL. Tests against real servers mostly wait, so more of them run at once.
run() {
  local parallel=$jobs results=$PWD/build/$1/$2
  [[ $2 == pg || $2 == e2e ]] && parallel=$((jobs * 3))
  rm -f "$results".{xml,log}
  ctest --test-dir "build/$1" --parallel "$parallel" --label-regex "^$2\$" --exclude-regex "${PGTLS_WITHOUT:-^\$}" --no-tests=error \
    --quiet --output-log "$results.log" --output-junit "$results.xml" --test-output-truncation head || { reports+=("$results"); return 1; }
}
# print_failures RESULTS…: what the failed tests of ctest's RESULTS.xml wrote; where it has none, the end of RESULTS.log
print_failures() {
  python3 - "$@" <<'PYTHON'
import pathlib
import sys
import xml.etree.ElementTree as xml
for results in sys.argv[1:]:
    file = pathlib.Path(results + ".xml")
    tests = xml.parse(file).iter("testcase") if file.exists() else []
    failed = [test for test in tests if test.get("status") not in ("run", "disabled")]
    for test in failed:
        lines = (test.findtext("system-out") or "").splitlines()
        print(f"── {test.get('name')}: {test.get('status')} after {test.get('time')} s", *lines[-60:], sep="\n")
    if not failed:
        print(*pathlib.Path(results + ".log").read_text(errors="replace").splitlines()[-60:], sep="\n")
PYTHON
}

step "install missing packages" install_missing || exit 1

if wants format; then
  step "clang-format" format
  step "shellcheck" shell_scripts
fi
wants unit && step "build" build dev unit_tests && step "unit tests" run dev unit
# The kinds with address and undefined-behaviour sanitizers, and the label that ctest has for each.
declare -A label=([asan]=unit [pg]=pg [e2e]=e2e)
targets=()
for kind in asan pg e2e; do
  wants $kind && targets+=("${label[$kind]}_tests")
done
if ((${#targets[@]})); then
  if wants pg || wants e2e; then step "fetch PostgreSQL servers, PgBouncer, Prometheus 3 and VictoriaMetrics" fetch_servers; fi
  if step "build with address and undefined-behaviour sanitizers" build asan "${targets[@]}"; then
    for kind in asan pg e2e; do
      wants $kind && step "$kind tests" run asan "${label[$kind]}"
    done
  fi
fi
wants tsan && step "build with thread sanitizer" build tsan tsan_tests && step "tsan tests" run tsan tsan
wants fuzz && step "build fuzz targets" build fuzz fuzz_tests && step "fuzz tests" run fuzz fuzz
wants tidy && step "clang-tidy" tests/tidy.py
wants debian13 && step "Debian 13" tests/deploy/debian13_test.sh
wants package && step "Debian packages" tests/deploy/debian_package_test.sh
wants dashboards && step "build the exporter" build dev pg_tls_exporter && PGTLS_EXPORTER=build/dev/pg_tls_exporter step "dashboards" tests/grafana/drawn_test.sh

echo
((${#reports[@]})) && print_failures "${reports[@]}"
if ((${#failed[@]})); then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All passed: $kinds. $SECONDS s."
