#!/bin/bash
# Every panel of every dashboard is drawn by Grafana's own components, with what a Prometheus has of the demo. Given a folder, it keeps a picture
# of the upper part of each there:  PGTLS_EXPORTER=build/release/pg_tls_exporter tests/grafana/drawn_test.sh docs/images
# PGTLS_EXPORTER: the executable. In a network of its own, with an address for a client that sets an alert off.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
pictures=${1:-}
if [[ ${2:-} != inside ]]; then
  (cd grafana/screenshots && npm ci --silent --no-audit --no-fund --ignore-scripts)
  exec unshare --net "$0" "$pictures" inside
fi
ip link set lo up
ip address add 192.0.2.10/32 dev lo

# shellcheck source=tests/deploy/demo_harness.sh
source tests/deploy/demo_harness.sh

start_demo 1200 --with-prometheus
prometheus=$(sed -nE 's,^  alerts +(http://[^/]*)/.*,\1,p' "$dir/out" | tail -n 1)
declare -A server=([fleet]=.+ [certificates]=.+ [server]=orders [evidence]=.+)
for source in grafana/dashboards/*.json; do
  name=$(basename "$source" .json)
  node grafana/screenshots/screenshot.mjs "$prometheus" "$name" "$dir/$name.png" "${server[$name]}" || fail "$name is not drawn"
  [[ -z $pictures ]] ||
    node grafana/screenshots/screenshot.mjs "$prometheus" "$name" "$pictures/dashboard-$name.png" "${server[$name]}" 300 1000
done
interrupt_demo
echo 'Every panel of every dashboard is drawn.'
