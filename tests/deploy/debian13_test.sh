#!/bin/bash
# On Debian 13, in a root of its own: the hermetic tests, and the demo with Debian 13's PostgreSQL 17. Runs as root. The root, with what
# was compiled in it, is kept for the next run.
set -euo pipefail
[[ $(id -u) == 0 ]] || exec sudo "$0"
cd "$(dirname "$0")/../.."
root=$(tests/support/debian-root.sh trixie)
inside() { tests/support/in-root.sh "$root" "$@"; }

[[ $(inside cat /etc/debian_version) == 13.* ]]
inside sh -c 'command -v ccache || apt-get install -y -q ccache' >/dev/null
inside tests/run.sh unit
# What the demo would build as well, in another build type.
inside deploy/install-dependencies.sh demo
inside env PGTLS_EXPORTER=build/dev/pg_tls_exporter deploy/demo.sh --once
