#!/bin/bash
# Runs a command in a root that debian-root.sh made: in-root.sh ROOT COMMAND…
# This project is the current folder there, /src, with a build folder that belongs to the root and to this checkout: files of another one
# may be older than what was compiled of them. All mounts end with the command.
set -euo pipefail
export root=${1:?usage: in-root.sh ROOT COMMAND…}
shift
cd "$(dirname "$0")/../.."
builds=$root/var/builds/$(pwd -P | tr / _)
export builds
mkdir -p build "$root/src" "$builds"
# As in a container, the root is that of the mount namespace, too: pivot_root(2).
# shellcheck disable=SC2016  # the inner shell's
exec unshare --mount --propagation private bash -c '
  set -e
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind . "$root/src"
  mount --bind "$builds" "$root/src/build"
  cd "$root"
  pivot_root . .
  umount --lazy .
  exec /usr/bin/env -i --chdir=/src HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
' in-root "$@"
