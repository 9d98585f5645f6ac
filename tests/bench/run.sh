#!/bin/bash
# Builds and runs the benchmarks; what they print is Markdown, as in docs/performance.md. Needs a calm machine, and root or sudo for
# packages that are missing.
#   tests/bench/run.sh [sessions|pgbouncer|log|fleet|scaling|soak|status|inventory|all] [SECONDS]      (default: sessions)
# sessions: one server with 1,000 sessions, beside bare libpq and postgres_exporter. SECONDS a measurement, default 30; about fifteen of them.
# pgbouncer: a PgBouncer with 5,000 clients, beside bare libpq. SECONDS a measurement, default 30; three of them.
# log:      a log of 1,000 connections a second, beside cat and bare libpq. SECONDS a format, default 30; two of them.
# fleet:    1,000 servers, beside a bare process with as many connections and postgres_exporter. SECONDS of watching after start-up, default
#           300. Needs 12 GB of memory, and ten minutes more than that.
# scaling:  1 to 1,000 servers, 10 to 2,000 sessions. SECONDS a point, default 20; eight points. Draws build/bench/scaling.svg.
# soak:     120 servers that are killed, frozen and reconfigured for SECONDS, default 600. Exit 1 where an invariant did not hold; the seed
#           that it prints repeats it: build/bench/tests/bench/soak build/bench/pg_tls_exporter SECONDS SEED.
# status:   the status page of 1,000 servers, beside the audit alone, and in Chromium. A minute.
# inventory: 50,000 client certificates of which some are in use. A minute.
set -euo pipefail
cd "$(dirname "$0")/../.."

kind=${1:-sessions}
seconds=${2:-}
if [[ $kind =~ ^[0-9]+$ ]]; then
  seconds=$kind kind=sessions
fi
case $kind in
  sessions) programs=(sessions_bench) ;;
  pgbouncer) programs=(pgbouncer_bench) ;;
  log) programs=(log_bench) ;;
  fleet) programs=(fleet_bench) ;;
  scaling) programs=(scaling_bench) ;;
  soak) programs=(soak) ;;
  status) programs=(status_bench) ;;
  inventory) programs=(inventory_bench) ;;
  all) programs=(sessions_bench pgbouncer_bench log_bench fleet_bench scaling_bench soak status_bench inventory_bench) ;;
  *)
    echo "usage: tests/bench/run.sh [sessions|pgbouncer|log|fleet|scaling|soak|status|inventory|all] [SECONDS]" >&2
    exit 2
    ;;
esac

deploy/install-dependencies.sh bench
tests/support/fetch-postgres.sh 15 >/dev/null
cmake --preset bench -DPGTLS_BENCH=ON >/dev/null
cmake --build --preset bench --target pg_tls_exporter "${programs[@]}" -- --quiet
[[ ${programs[*]} != *status_bench* ]] || tests/deploy/npm.sh

# Thousands of connections are as many files here and on the servers' side.
ulimit -n "$(ulimit -Hn)"
exporter=build/bench/pg_tls_exporter
for program in "${programs[@]}"; do
  case $program in
    sessions_bench | pgbouncer_bench | log_bench) arguments=("$exporter" "${seconds:-30}") ;;
    fleet_bench) arguments=("$exporter" "${seconds:-300}") ;;
    scaling_bench) arguments=("$exporter" "${seconds:-20}" build/bench/scaling.svg) ;;
    soak) arguments=("$exporter" "${seconds:-600}") ;;
    status_bench | inventory_bench) arguments=() ;;
  esac
  printf '\n## %s\n' "$program"
  "build/bench/tests/bench/$program" "${arguments[@]}"
done
