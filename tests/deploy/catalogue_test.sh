#!/bin/bash
# The rules against the metrics that the exporter has. PGTLS_EXPORTER: its executable.
set -euo pipefail
here=$(dirname "$0")
"$here"/npm.sh
node --test "$here"/catalogue_test.mjs
