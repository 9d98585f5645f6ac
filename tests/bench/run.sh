#!/bin/bash
# Builds and runs the benchmarks; what they print is what the README quotes. Needs a calm machine.
#   tests/bench/run.sh [SECONDS_PER_MEASUREMENT]      (default 30; about ten measurements)
set -euo pipefail
cd "$(dirname "$0")/../.."

deploy/install-dependencies.sh bench
tests/support/fetch-postgres.sh 15 >/dev/null
cmake --preset bench -DPGTLS_BENCH=ON >/dev/null
cmake --build --preset bench --target pg_tls_exporter sessions_bench -- --quiet

# A thousand sessions are two thousand files here and on the server's side.
ulimit -n "$(ulimit -Hn)"
build/bench/tests/bench/sessions_bench build/bench/pg_tls_exporter "${1:-30}"
