#!/bin/bash
# The rules, their unit tests, the example configurations and the runbook, under promtool and amtool.
set -euo pipefail
cd "$(dirname "$0")/../.."
prometheus=deploy/prometheus
tests=tests/deploy/rules

promtool check rules --lint-fatal "$prometheus"/rules/*.yml
for config in "$prometheus"/prometheus*.yml; do
  promtool check config --lint-fatal "$config"
done
amtool check-config "$prometheus"/alertmanager.yml
promtool test rules "$tests"/*_test.yml

# What promtool cannot know: every alert has its parts, a section in the runbook, a test in which it fires and one in which it does not.
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
  grep -qx "### $alert" "$prometheus"/runbook.md || fail "$alert has no section in runbook.md"
  tested=$(grep -h -A1 "^ *alertname: $alert\$" "$tests"/*_test.yml)
  grep -q 'exp_alerts: \[\]' <<<"$tested" || fail "$alert: no test in which it does not fire"
  grep -q 'exp_alerts:$' <<<"$tested" || fail "$alert: no test in which it fires"
done
while read -r section; do
  grep -qx "$section" <<<"$alerts" || fail "runbook.md: $section is no alert"
done < <(sed -n 's/^### //p' "$prometheus"/runbook.md)

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
