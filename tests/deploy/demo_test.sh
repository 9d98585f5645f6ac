#!/bin/bash
# The demo: its own check passes, and fails when it should; Ctrl-C leaves nothing behind; it needs no root.
#   PGTLS_EXPORTER  the executable under test
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
# shellcheck source=tests/deploy/demo_harness.sh
source tests/deploy/demo_harness.sh

deploy/demo.sh --once >"$dir/out" 2>&1 || fail "--once"
grep -q 'The page matches the clients' "$dir/out" || fail "--once said nothing"
nothing_left

# An exporter that does not see the sessions must not pass.
printf '#!/bin/sh\nexec "%s" --no-collector.sessions "$@"\n' "$PGTLS_EXPORTER" >"$dir/blind"
chmod +x "$dir/blind"
if PGTLS_EXPORTER=$dir/blind deploy/demo.sh --once >"$dir/out" 2>&1; then fail "--once passed on a page without sessions"; fi
grep -q 'series are not what the clients make true' "$dir/out" || fail "--once failed for another reason"
nothing_left

if deploy/demo.sh --once --dsn='host=127.0.0.1 port=1 dbname=postgres' >"$dir/out" 2>&1; then
  fail "--once passed on a server that is down"
fi

# One that is not there in time is a failure, and it leaves nothing behind.
if (start_demo 0) >"$dir/late" 2>&1; then fail "start_demo passed without a demo"; fi
grep -q 'was not there within' "$dir/late" || fail "start_demo failed for another reason: $(cat "$dir/late")"
nothing_left

start_demo 2400
interrupt_demo

if [[ $(id -u) == 0 ]]; then
  runuser -u postgres -- env PGTLS_EXPORTER="$PGTLS_EXPORTER" deploy/demo.sh --once >"$dir/out" 2>&1 || fail "without root"
  nothing_left
fi
