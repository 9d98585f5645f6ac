#!/bin/bash
# What promtool cannot know of the alerts: each has its parts, a section in the runbook, a test in which it fires, one in which it does not,
# and one in which it goes on while its data are gone. And who hears what.
set -euo pipefail
cd "$(dirname "$0")/../.."
prometheus=deploy/prometheus
tests=tests/deploy/rules

# Without a notion of blindness in the rules, a test must miss the alerts that went on.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$prometheus" "$work/$tests"
cp -r "$prometheus/rules" "$work/$prometheus"
cp "$tests"/*_test.yml "$work/$tests"
sed -i 's/^\( *- record: pg_tls:\)blind_/\1without_blind_/; s/and on (job, instance) (up == 0)/and on (job, instance) (up == 2)/' \
  "$work/$prometheus"/rules/*.yml
(cd "$work" && promtool test rules "$tests"/*_test.yml) >"$work/failures" 2>&1 && { echo 'FAILED: nothing goes on' >&2; exit 1; }
missed=$(awk '
  # Which alerts were expected in what failed, and did not fire.
  $1 == "alertname:" { sub(/,$/, "", $2); print $2 }
  $1 == "expr:" && match($0, /alertname=\\"[A-Za-z0-9]+/) { print substr($0, RSTART + 12, RLENGTH - 12) }
  $1 == "exp:" { expected = $0 }
  $1 == "got:" {
    while (match(expected, /alertname="[A-Za-z0-9]+"/)) {
      found = substr(expected, RSTART, RLENGTH)
      if (!index($0, found)) print substr(found, 12, RLENGTH - 12)
      expected = substr(expected, RSTART + RLENGTH)
    }
  }' "$work/failures" | sort -u)
declare -A has_no_data=(
  [PgTlsExporterDown]='up is of Prometheus, and says that the data are gone'
  [PgTlsExporterAbsent]='fires because there is no up'
  [PgTlsPlaintextAttempts]='the increase of an hour outlives its data'
  [PgTlsClientCertificateExpired]='the increase of an hour outlives its data'
  [PgTlsLogContradicted]='the increase of an hour outlives its data'
  [PgTlsLogGap]='the increase of an hour outlives its data'
  [PgTlsLogNotRead]='says that there are no data'
  [PgTlsShardMissing]='fires because the data of an exporter are gone'
)
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}
alerts=$(sed -n 's/^ *- alert: //p' "$prometheus"/rules/*.yml)
for alert in $alerts; do
  body=$(awk -v alert="$alert" '/^ *- (alert|record): / {inside = ($3 == alert)} inside' "$prometheus"/rules/*.yml)
  for part in 'for: ' 'labels: {severity: \(critical\|warning\)}' 'summary: ' 'description: ' "runbook: runbook.md#${alert,,}\$"; do
    grep -q "^ *$part" <<<"$body" || fail "$alert lacks $part"
  done
  grep -qx "### $alert" docs/runbook.md || fail "$alert has no section in runbook.md"
  tested=$(grep -h -A1 "^ *alertname: $alert\$" "$tests"/*_test.yml)
  grep -q 'exp_alerts: \[\]' <<<"$tested" || fail "$alert: no test in which it does not fire"
  grep -q 'exp_alerts:$' <<<"$tested" || fail "$alert: no test in which it fires"
  if [[ -z ${has_no_data[$alert]:-} ]]; then
    grep -qx "$alert" <<<"$missed" || fail "$alert: no test in which it goes on while its data are gone"
  elif grep -qx "$alert" <<<"$missed"; then
    fail "$alert goes on while its data are gone: '${has_no_data[$alert]}' is no reason any more"
  fi
done
while read -r section; do
  grep -qx "$section" <<<"$alerts" || fail "runbook.md: $section is no alert"
done < <(sed -n 's/^### //p' docs/runbook.md)

# Who hears what.
route() {
  local want=$1 got
  shift
  got=$(amtool config routes test --config.file="$prometheus"/alertmanager.yml "$@" 2>/dev/null)
  [[ $got == "$want" ]] || fail "route of $*: $got, not $want"
}
route database-on-call alertname=PgTlsServerDown severity=critical server=db1
route database-team alertname=PgTlsWeakProtocolAccepted severity=warning server=db1
route default alertname=NodeDown severity=critical

exit "$failed"
