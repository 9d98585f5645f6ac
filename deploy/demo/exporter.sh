# Part of demo.sh: the exporter.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

# serve ARGUMENT…: the exporter, on $url
serve() {
  local port
  port=$(free_port 9743)
  url=http://127.0.0.1:$port
  "$exporter" --web.listen-address="127.0.0.1:$port" "$@" 2>"$run/exporter.log" &
  exporter_pid=$!
  children+=("$exporter_pid")
  wait_for 60 "the exporter's first collection ($(tail -n 3 "$run/exporter.log"))" is_ready
}
is_ready() {
  kill -0 "$exporter_pid" 2>/dev/null || die "the exporter ended: $(cat "$run/exporter.log")"
  curl -sf -o /dev/null "$url/-/ready"
}
# excerpt FAMILY…: their samples on the page
excerpt() {
  local family
  curl -sf "$url/metrics" >"$run/page"
  for family in "$@"; do grep -E "^${family}[{ ]" "$run/page" || true; done
}
