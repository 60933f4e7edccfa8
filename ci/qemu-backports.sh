#!/usr/bin/env bash
# Puts the QEMU of Debian 12's backports beside the installed one, which stays as it is. Needs no root.
# The last line on stdout is what to give as MAYFLY_QEMU; all else goes to stderr.
set -euo pipefail

release=bookworm

usage() {
  cat <<'END'
Usage: bash ci/qemu-backports.sh [directory]
  directory  where it is put; default: ${XDG_CACHE_HOME:-~/.cache}/mayfly-qemu-backports
Does nothing when it is there. Remove the directory to get a newer version.
END
}

fail() {
  echo "$*" >&2
  exit 1
}

case ${1-} in
  -h | --help) usage && exit 0 ;;
  -*) usage >&2 && exit 2 ;;
esac
if (($# > 1)); then usage >&2 && exit 2; fi

case $(uname -m) in
  aarch64 | arm64) package=qemu-system-arm program=qemu-system-aarch64 ;;
  *) package=qemu-system-x86 program=qemu-system-x86_64 ;;
esac
home=$(realpath -m -- "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/mayfly-qemu-backports}")
wrapper=$home/$program
if [[ -x $wrapper ]]; then
  echo "$wrapper"
  exit 0
fi
if [[ -e $home ]]; then fail "There is something else in $home. Remove it, or name another directory."; fi

codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME-}") || true
[[ $codename == "$release" ]] || fail "$release-backports needs the libraries of Debian 12, and this host is not one."
# What both need is installed with the other one; only the rest is fetched.
dpkg-query -W "$package" >/dev/null 2>&1 || fail "Install the release's own QEMU first: bash ci/setup.sh"

mkdir -p "$(dirname "$home")"
# Beside its place, so that the last step is a rename.
work=$(mktemp -d "$home.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache/archives}/partial "$work"/made/root

# apt itself says where this host gets the release from; backports are kept there too.
# One of a third party has no signature of Debian's, and apt leaves it out.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
LC_ALL=C apt-get update --print-uris |
  sed -nE "s#^'(.+)/dists/$release/InRelease' .*#\1#p" | sort -u |
  while read -r archive; do
    printf "deb [signed-by=$keyring] %s %s main\n" "$archive" "$release" "$archive" "$release-backports"
  done >"$work/sources.list"
[[ -s $work/sources.list ]] || fail "apt has no source for Debian's $release on this host; see /etc/apt."

# Reads what is installed, and changes nothing outside of $work.
apt_get() {
  DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 \
    -o Acquire::Retries=2 -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" "$@" >&2
}

echo "Fetching $package from $release-backports into $home" >&2
apt_get update || echo 'Some package sources could not be read; going on with the others.' >&2
apt_get install --download-only --no-install-recommends -t "$release-backports" "$package"
for archive in "$work"/cache/archives/*.deb; do
  dpkg-deb --extract "$archive" "$work/made/root"
done

libraries=$(cd "$work/made/root" && echo usr/lib/*-linux-gnu*)
version=$(LD_LIBRARY_PATH=$work/made/root/$libraries "$work/made/root/usr/bin/$program" --version) ||
  fail 'What was fetched does not run on this host.'
version=${version%%$'\n'*}

# Left to itself, QEMU takes the other one's modules and firmware. The version makes a newer one's wrapper another file.
root=$home/root
cat >"$work/made/$program" <<END
#!/bin/sh
# $version
export LD_LIBRARY_PATH=${root@Q}/$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export QEMU_MODULE_DIR=${root@Q}/$libraries/qemu
exec ${root@Q}/usr/bin/$program -L ${root@Q}/usr/share/qemu -L ${root@Q}/usr/share/seabios "\$@"
END
chmod +x "$work/made/$program"

# Another one may have been quicker.
mv -T "$work/made" "$home" 2>/dev/null || [[ -x $wrapper ]] || fail "Could not be moved to $home"
echo "$version" >&2
echo "$wrapper"
