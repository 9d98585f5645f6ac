#!/bin/bash
# The demo with Prometheus: the alert of its unencrypted client comes with who, from where and by which rule; without an address for
# such a client it says so; it fails where an alert does not come; Ctrl-C leaves nothing behind.
# PGTLS_EXPORTER: the executable. In a network of its own, where this machine has just the addresses that are given here.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
[[ ${1:-} == inside ]] || exec unshare --net "$0" inside
ip link set lo up

# shellcheck source=tests/deploy/demo_harness.sh
source tests/deploy/demo_harness.sh
says() { grep -qE -- "$1" "$dir/out" || fail "it does not say: $1"; }

deploy/demo.sh --once --with-prometheus >"$dir/out" 2>&1 || fail "--once without an address"
says 'This machine has only loopback addresses'
says '^  PgTlsServedCertificateNotTheFile: orders: the served certificate is not the one in its file$'
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
start_demo 2400 --with-prometheus
says '^  PgTlsUnencryptedConnections: orders: warehouse is connected from 192\.0\.2\.10 without encryption$'
says '^  The line that admitted it is .*/orders/data/pg_hba.conf:[0-9]+: host    shop warehouse     192\.0\.2\.10/32 scram-sha-256$'
says '^  PgTlsHbaAdmitsPlaintext: orders: '
# Where it says to look there is something.
for place in alerts Alertmanager exporter; do
  url=$(grep -E "^  $place " "$dir/out" | tail -n 1 | grep -oE 'http[^ ]*')
  curl -sf -o /dev/null "$url" || fail "nothing at '$url' ($place)"
done
interrupt_demo
