#!/bin/bash
# A whole system of a Debian suite, for chroot. Runs as root.
#   tests/support/debian-root.sh SUITE              one that is made on first use and kept; prints its folder
#   tests/support/debian-root.sh SUITE DIRECTORY    a new one, in this folder, which must not exist
# tests/support/in-root.sh runs commands in it.
set -euo pipefail

suite=${1:?usage: debian-root.sh SUITE [DIRECTORY]}
# shellcheck source=tests/support/debian.sh
. "$(dirname "$0")/debian.sh"

# make_root DIRECTORY
make_root() {
  # in-root.sh needs umount, of the package mount. A copy of the archive may be older than its release file permits. The system is not
  # worth waiting for the disk.
  mmdebstrap --quiet --variant=apt --include=ca-certificates,mount --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt=force-unsafe-io "$suite" "$1" "$(debian_mirror)" >&2
  # Names, proxies and certificate authorities of this machine.
  cp /etc/hosts "$1/etc/hosts"
  cp -r /etc/apt/apt.conf.d/. "$1/etc/apt/apt.conf.d/"
  cp -r /usr/local/share/ca-certificates/. "$1/usr/local/share/ca-certificates/"
  chroot "$1" update-ca-certificates >/dev/null 2>&1
  # No service starts in there.
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod 755 "$1/usr/sbin/policy-rc.d"
}

if [[ -n ${2:-} ]]; then
  make_root "$2"
  echo "$2"
  exit
fi
target=$cache/root-$suite
exec 9>"$target.lock"
flock 9
if [[ ! -d $target ]]; then
  work=$(mktemp -d "$cache/root-XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
  trap 'exit 1' INT TERM
  make_root "$work/root"
  mv "$work/root" "$target"
fi
echo "$target"
