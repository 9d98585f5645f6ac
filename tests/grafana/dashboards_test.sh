#!/bin/bash
# The dashboards: rendered from their sources, by Grafana's schemas, with metrics that exist. PGTLS_EXPORTER: the executable.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

jsonnetfmt --test grafana/*.jsonnet grafana/*/*.libsonnet
grafana/generate.sh "$work"
diff -r "$work" grafana/dashboards || { echo 'grafana/dashboards is not what grafana/generate.sh renders' >&2; exit 1; }

tests/deploy/npm.sh
PGTLS_EXPRESSIONS=$work/expressions node --test tests/grafana/dashboards_test.mjs tests/grafana/sight_test.mjs

# Prometheus itself parses every expression.
{
  echo 'groups: [{name: dashboards, rules: ['
  awk '{print "{record: \"panel:" NR "\", expr: " $0 "},"}' "$work"/expressions
  echo ']}]'
} >"$work"/rules.yml
promtool check rules "$work"/rules.yml
