#!/bin/bash
# Installs tests/package.json's packages into tests/node_modules, unless they are there. Tests that run at once wait for each other.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 9<package.json
flock 9
if [[ ! -e node_modules/.ours ]] || ! cmp -s package-lock.json node_modules/.ours; then
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/.ours
fi
