#!/bin/bash
# Writes prometheus-rule.yaml from the rules of deploy/prometheus: deploy/kubernetes/generate.sh [FILE]
set -euo pipefail
cd "$(dirname "$0")"
{
  cat <<'HEAD'
# Written by generate.sh from deploy/prometheus/rules.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pg-tls-exporter
  labels:
    app.kubernetes.io/name: pg-tls-exporter
spec:
  groups:
HEAD
  for file in ../prometheus/rules/*.yml; do
    sed '1,/^groups:/d; /^ *#/d; /^$/d; s/^/  /' "$file"
  done
} >"${1:-prometheus-rule.yaml}"
