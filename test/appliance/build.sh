#!/bin/bash
# Builds the appliance VM's image once into the cache and prints its folder.
#
#   test/appliance/build.sh            build it unless it is there, print its folder
#   test/appliance/build.sh --where    print where it is or would be; build nothing
#
# The cache is ${WADDLE_CACHE}, or waddle/ in ${XDG_CACHE_HOME:-~/.cache}:
#   appliance/<hash of the recipe>/        disk.img, vmlinuz, initrd.img, keys, manifest
#   zfs-modules/<kernel>_<zfs>.tar         the compiled modules, kept apart: they take longest
#
# Packages come from the Debian mirror that this machine's own apt uses; where
# apt knows none, WADDLE_DEBIAN_MIRROR names one. Needs root, about 4 GB of disk
# and, the first time, six minutes on two cores.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recipe=$here/recipe
cache=${WADDLE_CACHE:-${XDG_CACHE_HOME:-${HOME:?neither WADDLE_CACHE nor HOME is set}/.cache}/waddle}
hash=$(cd "$here" && find build.sh recipe -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
image=$cache/appliance/$hash

# A folder with this name was renamed into place whole.
if [[ -d $image || ${1:-} == --where ]]; then
	echo "$image"
	exit 0
fi

# The folder's name is the only line on stdout.
exec 3>&1 1>&2
for part in host root modules image; do
	# shellcheck source=/dev/null
	. "$recipe/$part.sh"
done

mkdir -p "$cache/appliance" "$cache/zfs-modules"
exec 9>"$cache/appliance/$hash.lock"
flock --nonblock 9 || {
	say "another process builds this image; waiting for it"
	flock 9
}
if [[ ! -d $image ]]; then
	host_needs_root
	host_needs_space "$cache" 4
	host_packages
	host_mirror

	work=$(mktemp -d "$cache/appliance/.building.XXXXXX")
	trap 'rm -rf --one-file-system "$work"' EXIT
	root_build "$work/root"
	modules_install "$work/root" "$cache/zfs-modules"
	image_build "$work/root" "$work/image"
	mv "$work/image" "$image"
	say "built $image in ${SECONDS} s"
fi
echo "$image" >&3
