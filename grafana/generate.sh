#!/bin/bash
# Renders the dashboards from their sources beside this script: grafana/generate.sh [FOLDER, default grafana/dashboards]
set -euo pipefail
cd "$(dirname "$0")"
folder=${1:-dashboards}
for dashboard in fleet server certificates evidence; do
  jsonnet "$dashboard.jsonnet" >"$folder/$dashboard.json"
done
