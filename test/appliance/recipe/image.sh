# What QEMU boots.
# shellcheck shell=bash

# image_build ROOT FOLDER
image_build() {
	local root=$1 out=$2
	say "disk image"
	mkdir "$out"
	cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
	cp "$root"/boot/initrd.img-* "$out/initrd.img"
	# shellcheck disable=SC2016 # dpkg's own variables
	chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' >"$out/manifest"

	# Keys of this image alone: the harness's, and the channel's so that it knows
	# whom it talks to.
	ssh-keygen -q -t ed25519 -N '' -C appliance -f "$out/client_key"
	ssh-keygen -q -t ed25519 -N '' -C appliance -f "$out/host_key"
	install -m 600 "$out/host_key" "$root/etc/appliance/host_key"
	install -m 600 "$out/client_key.pub" "$root/etc/appliance/authorized_keys"
	rm "$out/host_key"

	rm -rf "${root:?}"/boot/* "$root"/var/cache/apt/*.bin
	truncate -s 4G "$out/disk.img"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L appliance -d "$root" "$out/disk.img"
	chmod 444 "$out/disk.img"
}
