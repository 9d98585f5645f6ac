#!/bin/bash
# The demo: its own check passes, and fails when it should; Ctrl-C leaves nothing behind; it needs no root.
#   PGTLS_EXPORTER  the executable under test
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "FAILED: $*" >&2
  cat "$dir/out" >&2
  exit 1
}
mkdir -m 1777 "$dir/parent"
export PGTLS_DEMO_PARENT=$dir/parent
nothing_left() { [[ -z $(ls -A "$dir/parent") ]] || fail "left behind: $(ls -A "$dir/parent")"; }

deploy/demo.sh --once >"$dir/out" 2>&1 || fail "--once"
grep -q 'The page says what the clients are' "$dir/out" || fail "--once said nothing"
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

# Ctrl-C reaches the whole foreground process group. (A background job ignores it unless told otherwise.)
setsid env --default-signal=INT deploy/demo.sh >"$dir/out" 2>&1 &
demo=$!
for ((i = 0; i < 600; ++i)); do
  grep -q 'Ctrl-C ends everything' "$dir/out" && break
  kill -0 $demo 2>/dev/null || fail "the demo ended by itself"
  sleep 0.1
done
members=$(pgrep -g "$demo")
kill -INT -- "-$demo"
wait $demo && fail "Ctrl-C looks like success"
for member in $members; do
  if kill -0 "$member" 2>/dev/null; then fail "process $member outlived Ctrl-C"; fi
done
nothing_left

if [[ $(id -u) == 0 ]]; then
  runuser -u postgres -- env PGTLS_EXPORTER="$PGTLS_EXPORTER" deploy/demo.sh --once >"$dir/out" 2>&1 || fail "without root"
  nothing_left
fi
