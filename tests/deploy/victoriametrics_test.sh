#!/bin/bash
# VictoriaMetrics of Debian's sid scrapes the exporter by the example configuration of Prometheus, and its vmalert reads the rules.
# PGTLS_EXPORTER: the executable. In a network of its own, where the ports of the example are free.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
[[ ${1:-} == inside ]] || exec unshare --net "$0" inside
ip link set lo up

# shellcheck source=tests/deploy/throwaway.sh
source tests/deploy/throwaway.sh
programs=$(tests/support/fetch-debian.sh sid victoria-metrics)/usr/bin

make_server '127.0.0.1' 20 /CN=db
server start
"$PGTLS_EXPORTER" --dsn="host=127.0.0.1 user=postgres dbname=postgres" 2>"$work/exporter.log" &
children+=($!)
sed -E 's/^( *scrape_interval): .*/\1: 1s/; s/^( *scrape_timeout): .*/\1: 1s/' deploy/prometheus/prometheus.yml >"$work/scrape.yml"
# The file has sections that VictoriaMetrics leaves to vmalert.
"$programs/victoria-metrics" -promscrape.config="$work/scrape.yml" -promscrape.config.strictParse=false -storageDataPath="$work/data-of-vm" \
  -httpListenAddr=127.0.0.1:8428 -search.latencyOffset=0s -retentionPeriod=100y -loggerLevel=WARN 2>"$work/victoria.log" &
children+=($!)

# names QUERY: the names of the metrics that it answers with, sorted
names() {
  curl -sS --fail -G http://127.0.0.1:8428/api/v1/query --data-urlencode "query=$1" 2>"$work/curl.log" |
    python3 -c 'import json, sys
for series in json.load(sys.stdin)["data"]["result"]: print(series["metric"]["__name__"])' | sort -u
}
wait_for() {
  local deadline=$((SECONDS + 240))
  until [[ -n $(names "$1" 2>/dev/null) ]]; do
    ((SECONDS < deadline)) || fail "$1: nothing; up: $(names up)"
    sleep 0.2
  done
}
wait_for 'pg_tls_up{job="pg_tls",instance="localhost:9743"} == 1'
wait_for 'pg_tls_collector_success{job="pg_tls",collector="certificates"} == 1'
# Every metric of the page has arrived.
wait_for 'pg_tls_collector_success{job="pg_tls",collector="endpoint"} == 1'
page=$(curl -sS --fail http://127.0.0.1:9743/metrics | sed -nE 's/^([a-z_]+).*/\1/p' | sort -u)
missing=$(comm -23 <(echo "$page") <(names '{job="pg_tls"}'))
[[ -n $page && -z $missing ]] || fail "did not arrive: $missing"

"$programs/vmalert" -dryRun -rule='deploy/prometheus/rules/*.yml' >"$work/vmalert.log" 2>&1 || fail 'vmalert refuses the rules'
echo 'VictoriaMetrics scrapes what it should.'
