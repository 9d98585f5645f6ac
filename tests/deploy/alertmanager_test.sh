#!/bin/bash
# A real Alertmanager with the example configuration: who silences whom.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pid=
: >"$work/log"  # the process may be late to make it
trap 'kill $pid 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

prometheus-alertmanager --config.file=deploy/prometheus/alertmanager.yml --storage.path="$work" --web.listen-address=127.0.0.1:0 \
  --cluster.listen-address= --log.format=json 2>"$work/log" &
pid=$!
for ((i = 0; i < 300; ++i)); do
  url=$(sed -n 's/.*"address":"\(127[^"]*\)".*/http:\/\/\1/p' "$work/log" | head -n 1)
  [[ -n $url ]] && amtool --alertmanager.url="$url" alert query >/dev/null 2>&1 && break
  kill -0 "$pid" || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done

fire() { amtool --alertmanager.url="$url" alert add "$@" job=pg_tls; }
# active ALERT LABELS… → prints "active" or "silenced"
state() {
  local alert=$1
  shift
  local matchers=("alertname=$alert")
  local label
  for label; do matchers+=("$label"); done
  if [[ -n $(amtool --alertmanager.url="$url" alert query --active -o simple "${matchers[@]}" | tail -n +2) ]]; then
    echo active
  else
    echo silenced
  fi
}
failed=0
expect() {
  local want=$1 got
  shift
  # The dispatcher takes a moment to mark what it inhibits.
  for ((i = 0; i < 100; ++i)); do
    got=$(state "$@")
    [[ $got == "$want" ]] && break
    sleep 0.1
  done
  [[ $got == "$want" ]] || { echo "FAILED: $*: $got, not $want" >&2; failed=1; }
}

for instance in a b; do
  fire alertname=PgTlsUnencryptedConnections instance=$instance server=db1 user=bob severity=critical
  fire alertname=PgTlsUnencryptedSessions instance=$instance server=db1 severity=critical
  fire alertname=PgTlsCertificateExpired instance=$instance server=db1 source=served severity=critical
  fire alertname=PgTlsVerifyFullFails instance=$instance server=db1 severity=warning
  fire alertname=PgTlsUnencryptedConnections instance=$instance server=db2 user=bob severity=critical
done
expect silenced PgTlsVerifyFullFails instance=a
# A stranger may have come and gone while bob, whom everybody knows, stays.
expect active PgTlsUnencryptedSessions instance=a server=db1
expect active PgTlsUnencryptedConnections instance=a server=db1

# The cause silences its consequence, on its server.
fire alertname=PgTlsEncryptionNotOffered instance=b server=db3 severity=critical
fire alertname=PgTlsCertificateVerificationFailing instance=b server=db4 check=chain severity=critical
fire alertname=PgTlsCollectorBlind instance=b server=db5 collector=hba severity=warning
fire alertname=PgTlsCollectorBlind instance=b server=db6 collector=hba part=rules severity=warning
for server in db3 db4 db5 db6; do
  fire alertname=PgTlsVerifyFullFails instance=b server=$server severity=warning
  fire alertname=PgTlsPlaintextAccepted instance=b server=$server severity=warning
  for collector in hba sessions; do fire alertname=PgTlsDataStale instance=b server=$server collector=$collector severity=warning; done
done
expect silenced PgTlsVerifyFullFails instance=b server=db3
expect silenced PgTlsPlaintextAccepted instance=b server=db3
expect silenced PgTlsVerifyFullFails instance=b server=db4
expect active PgTlsPlaintextAccepted instance=b server=db4
expect active PgTlsVerifyFullFails instance=b server=db5
expect silenced PgTlsDataStale instance=b server=db5 collector=hba
expect active PgTlsDataStale instance=b server=db5 collector=sessions
expect active PgTlsDataStale instance=b server=db6 collector=hba

# An expired certificate that is served explains why clients that verify fail; one that lies in a file does not.
for source in served file; do
  fire alertname=PgTlsCertificateExpired instance=b server=$source source=$source severity=critical
  fire alertname=PgTlsCertificateVerificationFailing instance=b server=$source check=chain severity=critical
  fire alertname=PgTlsVerifyFullFails instance=b server=$source severity=warning
done
expect silenced PgTlsCertificateVerificationFailing instance=b server=served
expect silenced PgTlsVerifyFullFails instance=b server=served
expect active PgTlsCertificateVerificationFailing instance=b server=file

# The server is down for exporter a: only there, and not what may be the cause.
for alert in NextRestartFails HbaRefused CertificateFileUnreadable HbaReloadPending; do
  fire alertname=PgTls$alert instance=a server=db1 severity=critical
done
fire alertname=PgTlsServerDown instance=a server=db1 severity=critical
expect silenced PgTlsUnencryptedConnections instance=a server=db1
expect active PgTlsServerDown instance=a server=db1
expect active PgTlsCertificateExpired instance=a server=db1
expect active PgTlsNextRestartFails instance=a server=db1
expect active PgTlsHbaRefused instance=a server=db1
expect active PgTlsCertificateFileUnreadable instance=a server=db1
expect silenced PgTlsHbaReloadPending instance=a server=db1
expect active PgTlsUnencryptedConnections instance=a server=db2
expect active PgTlsUnencryptedConnections instance=b server=db1

fire alertname=PgTlsExporterDown instance=a severity=critical
expect silenced PgTlsServerDown instance=a server=db1
expect silenced PgTlsUnencryptedConnections instance=a server=db2
expect active PgTlsExporterDown instance=a
expect active PgTlsUnencryptedConnections instance=b server=db2

exit "$failed"
