# Part of demo.sh: a Prometheus with the project's rules, an Alertmanager, and a client that sets an alert off.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

# An IPv4 address of this machine that is not a loopback one, if it has any. A client can be bound to it and still reach the
# server on 127.0.0.1: nothing has to listen on the network, and no packet leaves the machine.
own_address() { ip -o -4 address show scope global 2>/dev/null | awk '$4 !~ /^127\./ && !n++ {sub("/.*", "", $4); print $4}' || true; }

# start_prometheus: on $prometheus_url and $alertmanager_url, both on 127.0.0.1, with the exporter of $url
start_prometheus() {
  local program
  for program in prometheus promtool prometheus-alertmanager amtool; do
    command -v $program >/dev/null || die "no $program: deploy/install-dependencies.sh prometheus installs it"
  done
  mkdir "$run/prometheus"
  cp -r deploy/prometheus/rules "$run/prometheus/rules"
  sed -i -E 's/^( *for: )[1-9][0-9]*[smhd]$/\15s/' "$run"/prometheus/rules/*.yml
  alertmanager_url=http://127.0.0.1:$(free_port 9093)
  prometheus-alertmanager --config.file=deploy/prometheus/alertmanager.yml --storage.path="$run/alertmanager" \
    --web.listen-address="${alertmanager_url#http://}" --cluster.listen-address= 9>&- 2>"$run/alertmanager.log" &
  children+=($!)
  prometheus_url=http://127.0.0.1:$(free_port 9090)
  sed -e "s/localhost:9743/${url#http://}/" -e "s/localhost:9093/${alertmanager_url#http://}/" -e 's/_interval: 15s/_interval: 2s/' \
    deploy/prometheus/prometheus.yml >"$run/prometheus/prometheus.yml"
  prometheus --config.file="$run/prometheus/prometheus.yml" --storage.tsdb.path="$run/prometheus/data" \
    --web.listen-address="${prometheus_url#http://}" 9>&- 2>"$run/prometheus.log" &
  children+=($!)
  wait_for 60 "Prometheus' first scrape ($run/prometheus.log)" has_answer up
  say "Prometheus and Alertmanager run, with the rules of deploy/prometheus/rules"
  where_to_look
  echo "In this demo, scrapes and rules run every 2 s, and an alert with a delay (for: 5m, for: 1h …) fires after 5 s."
}
where_to_look() {
  echo "  alerts        $prometheus_url/classic/alerts"
  echo "  Alertmanager  amtool --alertmanager.url=$alertmanager_url alert    (Debian's package has no web page)"
  echo "  exporter      $url/metrics"
}
# answer QUERY: its series, as promtool prints them
answer() { promtool query instant "$prometheus_url" "$1" 2>/dev/null; }
has_answer() { [[ -n $(answer "$1") ]]; }
# alerts MATCHER…: what Alertmanager has got, "ALERT: SUMMARY", also where another alert inhibits it
alerts() {
  amtool --alertmanager.url="$alertmanager_url" alert query -o simple "$@" 2>/dev/null |
    sed -nE '1d; s/^([^ ]+) +[^ ]+ [^ ]+ [^ ]+ +(.*[^ ]) +[a-z]+ *$/\1: \2/p' | sort -u
}
is_firing() { [[ -n $(alerts "$@") ]]; }

# watch_alert MATCHER…: waits for it and says what it says
watch_alert() {
  wait_for "${PGTLS_DEMO_PATIENCE:-60}" "the alert $*; there are: $(alerts)" is_firing "$@"
  alerts "$@" | sed 's/^/  /'
}

# watch_alerts: what the demo's servers and clients make true, as it fires
watch_alerts() {
  local found file line
  if [[ -n $remote_address ]]; then
    say "A client without TLS connects, from $remote_address (an address of this machine; no packet leaves it)"
    plaintext_client orders "$remote_address" 'user=warehouse application_name=nightly-load'
    watch_alert alertname=PgTlsUnencryptedConnections server=orders user=warehouse client_addr="$remote_address"
    # By which rule: a series of its own.
    found="pg_tls_hba_plaintext_connections{server=\"orders\",user=\"warehouse\",client_addr=\"$remote_address\"}"
    wait_for 60 "the rule by which it came" has_answer "$found"
    found=$(answer "$found")
    file=$(sed -E 's/.* file="([^"]*)".*/\1/' <<<"$found")
    line=$(sed -E 's/.* line="([0-9]+)".*/\1/' <<<"$found")
    echo "  The line that admitted it is $file:$line: $(sed -n "${line}p" "$file")"
    say "Other alerts about these servers"
    watch_alert alertname=PgTlsHbaAdmitsPlaintext server=orders
  else
    say "This machine has only loopback addresses, and no alert is about clients from those. Other alerts about these servers:"
  fi
  watch_alert alertname=PgTlsServedCertificateNotTheFile server=orders
  watch_alert alertname=PgTlsCertificateExpiring server=billing
}
