#!/bin/bash
# The three example configurations of deploy/prometheus, each in a real Prometheus on real exporters with eight servers: the whole page; two
# Prometheus on three exporters that have every server once between them; probes. Only intervals and addresses are replaced.
# PGTLS_EXPORTER: the executable. In a network of its own, where the ports of the examples are free.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
[[ ${1:-} == inside ]] || exec unshare --net "$0" inside
ip link set lo up

# shellcheck source=tests/deploy/throwaway.sh
source tests/deploy/throwaway.sh

# One PostgreSQL at many addresses is many servers to the exporter.
make_server '*' 20 /CN=db
server start

servers=(orders billing shop crm erp archive reports staging)
{
  echo 'servers:'
  for i in "${!servers[@]}"; do
    echo "  - {name: ${servers[i]}, conninfo: host=127.0.0.$((i + 11)) user=postgres dbname=postgres}"
  done
  echo 'modules:
  readonly:
    conninfo: user=postgres dbname=postgres
    collectors: [sessions, endpoint, certificates]
    allowed_targets: ["127.0.0.0/8:5432"]'
} >"$work/config.yml"
"$PGTLS_EXPORTER" --config.file="$work/config.yml" 2>"$work/exporter.log" &
children+=($!)

# start NAME PORT FILE SED…: a Prometheus with that example
start() {
  local name=$1 port=$2 file=$3
  shift 3
  mkdir "$work/$name"
  cp -r deploy/prometheus/rules "$work/$name/rules"
  sed -E -e 's/^( *(scrape|evaluation)_interval): .*/\1: 1s/; s/^( *scrape_timeout): .*/\1: 1s/' "$@" "deploy/prometheus/$file" >"$work/$name/prometheus.yml"
  prometheus --config.file="$work/$name/prometheus.yml" --storage.tsdb.path="$work/$name/tsdb" --web.listen-address="127.0.0.1:$port" \
    2>"$work/$name.log" &
  children+=($!)
}
# start_shard NUMBER: one of three exporters, at port 975N
start_shard() {
  "$PGTLS_EXPORTER" --config.file="$work/config.yml" --servers.shard="$1/3" --web.listen-address="127.0.0.1:975$1" 2>"$work/exporter-$1.log" &
  children+=($!)
}
for shard in 0 1 2; do start_shard $shard; done
start whole 9090 prometheus.yml
start shard0 9091 prometheus-sharded.yml -e 's/exporter-([0-2])\.example\.com:9743/localhost:975\1/g'
start shard1 9092 prometheus-sharded.yml -e 's/exporter-([0-2])\.example\.com:9743/localhost:975\1/g' -e "s/regex: 0\$/regex: 1/; s/shard: '0'/shard: '1'/"
mkdir "$work/by_name"
cat >"$work/by_name/prometheus.yml" <<'CONFIG'
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: pg_tls
    http_sd_configs: [{url: 'http://localhost:9743/sd'}]
    relabel_configs: [{source_labels: [__meta_pg_tls_server], modulus: 3, action: hashmod, target_label: exporter}]
CONFIG
prometheus --config.file="$work/by_name/prometheus.yml" --storage.tsdb.path="$work/by_name/tsdb" --web.listen-address=127.0.0.1:9095 2>"$work/by_name.log" &
children+=($!)
# A probe does all that the exporter does over minutes, within one scrape.
start probe 9094 prometheus-probe.yml -e 's/^( *scrape_(interval|timeout)): .*/\1: 10s/' -e 's/db1\.example\.com:/127.0.0.21:/; s/db2\.example\.com:/127.0.0.22:/'

# answer PORT QUERY: its series, one a line
answer() { promtool query instant "http://127.0.0.1:$1" "$2" 2>/dev/null; }
some() {
  local deadline=$((SECONDS + 240))
  until [[ -n $(answer "$1" "$2") ]]; do
    ((SECONDS < deadline)) || fail "port $1, $2: nothing; up: $(answer "$1" up)"
    sleep 0.2
  done
}
none() { [[ -z $(answer "$1" "$2") ]] || fail "port $1, $2: $(answer "$1" "$2")"; }
# label PORT QUERY LABEL: its values, sorted
label() { answer "$1" "$2" | sed -nE "s/.*[{ ]$3=\"([^\"]*)\".*/\1/p" | sort; }
all=$(printf '%s\n' "${servers[@]}" | sort)

# ---- The whole page
some 9090 'count(pg_tls_up == 1) == 8'
[[ $(label 9090 pg_tls_up server) == "$all" ]] || fail "the whole page has: $(label 9090 pg_tls_up server)"
some 9090 'pg_tls_exporter_build_info{job="pg_tls",instance="localhost:9743"}'

# ---- Shards. By the hashes of the eight names, the two Prometheus have 5 and 3 of them, the three exporters 2, 3 and 3.
declare -A count=([9091]=5 [9092]=3)
for port in 9091 9092; do
  some $port "count(up{job=\"pg_tls\"} == 1) == ${count[$port]} and count(pg_tls_up{job=\"pg_tls\"} == 1) == ${count[$port]}"
  some $port 'count(pg_tls_exporter_build_info{job="pg_tls_self"}) == 3'
  some $port 'count(group by (shard) (pg_tls_exporter_shards{job="pg_tls_self"} == 3)) == 3'
  some $port 'process_open_fds{job="pg_tls_self"}'
  none $port '{server=~".+",job="pg_tls_self"}'
  none $port 'pg_tls_exporter_build_info{job="pg_tls"}'
  # A target has its own server's series only, under an instance of its own.
  none $port 'count by (instance) (count by (instance, server) ({server=~".+"})) > 1'
  none $port 'count by (server) (count by (server, instance) ({server=~".+"})) > 1'
  # shellcheck disable=SC2016  # Prometheus' own $1
  none $port 'label_replace(pg_tls_up, "server", "$1", "instance", "localhost:975[0-2]/(.*)") unless on (instance, server) pg_tls_up'
  none $port 'pg_tls_up{instance!~"localhost:975[0-2]/.*"}'
done
shares=$({ label 9091 pg_tls_up server; label 9092 pg_tls_up server; } | sort)
[[ $shares == "$all" ]] || fail "not every server once: $shares"
# Prometheus itself computes the exporter of each server.
for shard in 0 1 2; do
  some 9095 'count(up == 1) == 8'
  has=$(curl -sf "http://127.0.0.1:975$shard/sd" | sed -nE 's/.*"__meta_pg_tls_server":"([^"]*)".*/\1/p' | sort)
  [[ $has == "$(label 9095 "up{exporter=\"$shard\"}" instance | sed 's,.*/,,')" ]] || fail "exporter $shard has: $has"
done

# ---- Probes
for target in 127.0.0.21:5432 127.0.0.22:5432; do
  some 9094 "up{job=\"pg_tls_probe\",instance=\"$target\"} == 1"
  some 9094 "pg_tls_up{job=\"pg_tls_probe\",instance=\"$target\",server=\"$target\"} == 1"
  some 9094 "pg_tls_ssl_request_answer{job=\"pg_tls_probe\",instance=\"$target\",server=\"$target\",answer=\"S\"} == 1"
  some 9094 "pg_tls_certificate_not_after_timestamp_seconds{job=\"pg_tls_probe\",instance=\"$target\",source=\"served\"}"
done
[[ $(answer 9094 'up{job="pg_tls_probe"}' | wc -l) == 2 ]] || fail "probes: $(answer 9094 up)"
none 9094 '{job="pg_tls_probe",server=""} unless {job="pg_tls_probe",__name__=~"up|scrape_.*"}'
# The module's collectors, and no other.
none 9094 'pg_tls_collector_success{job="pg_tls_probe",collector!~"sessions|endpoint|certificates"}'
some 9094 'count by (instance) (pg_tls_collector_success{job="pg_tls_probe",collector=~"sessions|endpoint|certificates"} == 1) == 3'
some 9094 'pg_tls_exporter_build_info{job="pg_tls",instance="localhost:9743"}'
echo 'Every example scrapes what it should.'
