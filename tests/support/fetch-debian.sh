#!/bin/bash
# Programs of another Debian suite that run on this one: prints the directory that holds them, fetched on first use.
#   tests/support/fetch-debian.sh SUITE PACKAGE…      for example: trixie pgbouncer, experimental postgresql-19
# The packages and all that they need, libc too, are unpacked below the cache directory; nothing is installed here. Each
# program gets its own suite's loader and libraries written into it, so it needs no chroot and sees this machine's files.
# Any number of these scripts may run at once.
set -euo pipefail

(($# >= 2)) || { echo 'usage: fetch-debian.sh SUITE PACKAGE…' >&2; exit 2; }
suite=$1
shift
# shellcheck source=tests/support/debian.sh
. "$(dirname "$0")/debian.sh"
name=debian-$suite-$(IFS=-; echo "$*")
target=$cache/$name
[[ ! -d $target ]] || { echo "$target"; exit 0; }

command -v patchelf >/dev/null || { echo 'fetch-debian.sh: patchelf is missing: apt-get install patchelf' >&2; exit 1; }
exec 9>"$cache/$name.lock"
flock 9
[[ ! -d $target ]] || { echo "$target"; exit 0; }

work=$(mktemp -d "$cache/fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$work"/{etc/preferences.d,state/lists/partial,cache/archives/partial,root}
: >"$work/state/status"
# experimental holds what is newer than in sid, and needs sid for the rest.
base=$suite
[[ $suite != experimental ]] || base=sid
mirror=$(debian_mirror)
for each in "$base" "$suite"; do
  echo "deb [signed-by=$keyring] $mirror $each main"
done | uniq >"$work/etc/sources.list"
if [[ $suite == experimental ]]; then
  cat >"$work/etc/preferences" <<EOF
Package: $* libpq5 postgresql-client-*
Pin: release a=experimental
Pin-Priority: 990
EOF
fi
# A copy of the archive may be older than its release file says.
apt() {
  apt-get -q -o Dir::Etc="$work/etc" -o Dir::State="$work/state" -o Dir::State::status="$work/state/status" \
    -o Dir::Cache="$work/cache" -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"
}
{ apt update && apt install -y --download-only --no-install-recommends "$@"; } >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log" >&2; exit 1; }
# As on an installed Debian: packages of 12 still have files in /lib and /lib64.
for directory in bin sbin lib lib64; do
  mkdir -p "$work/root/usr/$directory"
  ln -s "usr/$directory" "$work/root/$directory"
done
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/root" --keep-directory-symlink
done

mv "$work/root" "$work/$name"
libraries=$target/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
while IFS= read -r -d '' program; do
  loader=$(patchelf --print-interpreter "$program" 2>/dev/null) || continue
  patchelf --force-rpath --set-rpath "$libraries" --set-interpreter "$libraries/${loader##*/}" "$program"
done < <(find "$work/$name/usr/bin" "$work/$name/usr/sbin" "$work/$name"/usr/lib/postgresql/*/bin -type f -perm -u+x -print0 2>/dev/null)
chmod -R a+rX "$work/$name"
mv "$work/$name" "$target"
echo "$target"
