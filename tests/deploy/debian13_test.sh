#!/bin/bash
# On Debian 13, in a root of its own: the hermetic tests, the demo with Debian 13's PostgreSQL 17, and whether its psql gets what the table of
# sslmodes says. Runs as root. The root, with what was compiled in it, is kept for the next run.
set -euo pipefail
[[ $(id -u) == 0 ]] || exec sudo "$0"
cd "$(dirname "$0")/../.."
root=$(tests/support/debian-root.sh trixie)
inside() { tests/support/in-root.sh "$root" "$@"; }

[[ $(inside cat /etc/debian_version) == 13.* ]]
# What promtool makes of the rules is the same everywhere, and takes minutes.
inside env PGTLS_WITHOUT='^(rules|alert_parts)_test$' tests/run.sh unit
# What the demo would build as well, in another build type.
inside deploy/install-dependencies.sh demo
inside env PGTLS_EXPORTER=build/dev/pg_tls_exporter deploy/demo.sh --once
# libpq 17 has options that Debian 12's has not.
inside cmake --build build/dev --target collectors_pgtest -- --quiet
inside env PGTLS_TEST_MAJOR=17 build/dev/tests/collectors/collectors_pgtest --gtest_filter='EndpointPgTest.*-*Sslscan*'
