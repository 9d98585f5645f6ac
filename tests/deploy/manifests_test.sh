#!/bin/bash
# Kubernetes manifests, compose file and Dockerfile. PGTLS_EXPORTER: the executable.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

deploy/kubernetes/generate.sh "$work/prometheus-rule.yaml"
diff "$work/prometheus-rule.yaml" deploy/kubernetes/prometheus-rule.yaml ||
  { echo 'prometheus-rule.yaml is not what deploy/kubernetes/generate.sh writes' >&2; exit 1; }
sed -n '/^  groups:/,$p' deploy/kubernetes/prometheus-rule.yaml | sed 's/^  //' >"$work/rules.yml"
promtool check rules "$work/rules.yml"

tests/deploy/npm.sh
node --test tests/deploy/manifests_test.mjs

promtool check config --syntax-only deploy/docker/prometheus.yml
"$PGTLS_EXPORTER" config-check --config.file=deploy/docker/config.yml
