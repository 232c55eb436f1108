# OpenZFS for the guest's kernel.
# shellcheck shell=bash

# modules_install ROOT CACHE
modules_install() {
	local root=$1 kernel zfs archive
	kernel=$(basename "$(echo "$root"/lib/modules/*)")
	zfs=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Version}' zfsutils-linux)
	[[ -d $root/lib/modules/$kernel ]] || fail "there is not exactly one kernel in $root/lib/modules"
	archive=$2/${kernel}_${zfs}.tar
	[[ -e $archive ]] || modules_compile "$kernel" "$zfs" "$archive"
	say "ZFS $zfs for Linux $kernel"
	tar -C "$root" -xf "$archive"
	chroot "$root" depmod "$kernel"
	chroot "$root" modinfo -k "$kernel" zfs >/dev/null || fail "$archive holds no zfs module for $kernel; remove it and build again"
}

# modules_compile KERNEL ZFS ARCHIVE compiles in a root of its own, so that the
# guest never holds a compiler.
# shellcheck disable=SC2154 # work is build.sh's
modules_compile() {
	local builder=$work/builder
	say "compiling ZFS $2 for Linux $1 (minutes, once)"
	bootstrap --include="linux-headers-$1,zfs-dkms=$2,kmod" \
		--customize-hook="chroot \"\$1\" dkms autoinstall -k '$1'" "$builder"
	tar -C "$builder" -cf "$3.part" "./usr/lib/modules/$1/updates/dkms" ||
		fail "dkms left no modules; see its make.log above"
	mv "$3.part" "$3"
	rm -rf --one-file-system "$builder"
}
