#!/bin/bash
# Builds the Debian package: deploy/package.sh [BUILD FOLDER, default build/package]. Prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/package}

deploy/install-dependencies.sh package >&2
cmake --preset release -B "$build" -DCMAKE_INSTALL_PREFIX=/usr >&2
cmake --build "$build" >&2
(cd "$build" && rm -f ./*.deb && cpack -G DEB >&2)
realpath "$build"/*.deb
