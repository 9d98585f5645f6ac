#!/bin/bash
# The rules, their unit tests and the example configurations under promtool and amtool.
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
