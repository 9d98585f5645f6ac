#!/bin/bash
# The demo with Prometheus: the alert of its unencrypted client comes with who, from where and by which rule; without an address for
# such a client it says so; it fails where an alert does not come; Ctrl-C leaves nothing behind.
# PGTLS_EXPORTER: the executable. In a network of its own, where this machine has just the addresses that are given here.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
[[ ${1:-} == inside ]] || exec unshare --net "$0" inside
ip link set lo up

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
says() { grep -qE -- "$1" "$dir/out" || fail "it does not say: $1"; }

deploy/demo.sh --once --with-prometheus >"$dir/out" 2>&1 || fail "--once without an address"
says 'This machine has loopback addresses only'
says '^  PgTlsServedCertificateNotTheFile: orders: serves another certificate than its file holds$'
says '^  PgTlsCertificateExpiring: billing: a certificate expires in 8d '
says 'The expected alerts are there'
nothing_left

ip address add 192.0.2.10/32 dev lo

# A Prometheus that has lost the rules about sessions: the first alert never comes.
mkdir "$dir/bin"
cat >"$dir/bin/prometheus" <<'END'
#!/bin/bash
config=${1#--config.file=}
rm "${config%/*}/rules/sessions.yml"
exec /usr/bin/prometheus "$@"
END
chmod +x "$dir/bin/prometheus"
if PGTLS_DEMO_PATIENCE=5 PATH=$dir/bin:$PATH deploy/demo.sh --once --with-prometheus >"$dir/out" 2>&1; then fail "--once passed without the alert"; fi
says 'the alert alertname=PgTlsUnencryptedConnections .*: not within the time'
nothing_left

# What --once waits for comes before this, too.
setsid env --default-signal=INT deploy/demo.sh --with-prometheus >"$dir/out" 2>&1 &
demo=$!
for ((i = 0; i < 1200; ++i)); do
  grep -q 'Ctrl-C ends everything' "$dir/out" && break
  kill -0 $demo 2>/dev/null || fail "the demo ended by itself"
  sleep 0.1
done
says '^  PgTlsUnencryptedConnections: orders: warehouse is connected from 192\.0\.2\.10 without encryption$'
says '^  It came in by .*/orders/data/pg_hba.conf:[0-9]+: host    shop warehouse     192\.0\.2\.10/32 scram-sha-256$'
says '^  PgTlsHbaAdmitsPlaintext: orders: '
# Where it says to look there is something.
for place in alerts Alertmanager exporter; do
  url=$(grep -E "^  $place " "$dir/out" | tail -n 1 | grep -oE 'http[^ ]*')
  curl -sf -o /dev/null "$url" || fail "nothing at '$url' ($place)"
done
members=$(pgrep -g "$demo")
kill -INT -- "-$demo"
wait $demo && fail "Ctrl-C looks like success"
for member in $members; do
  if kill -0 "$member" 2>/dev/null; then fail "process $member outlived Ctrl-C"; fi
done
nothing_left
