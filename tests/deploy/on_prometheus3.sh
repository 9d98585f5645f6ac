#!/bin/bash
# A test of this folder with Prometheus 3 of Debian's sid in the place of Debian 12's: tests/deploy/on_prometheus3.sh SCRIPT
set -euo pipefail
cd "$(dirname "$0")/../.."
fetched=$(tests/support/fetch-debian.sh sid prometheus)
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
ln -s "$fetched"/usr/bin/{prometheus,promtool} "$programs"
PATH=$programs:$PATH
[[ $(promtool --version 2>&1) == 'promtool, version 3.'* ]] || { echo "no Prometheus 3: $(promtool --version 2>&1)" >&2; exit 1; }
"tests/deploy/$1"
