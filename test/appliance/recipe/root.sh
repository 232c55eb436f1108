# The guest's root file system.
# shellcheck shell=bash

# Proxmox VE 9 is based on it.
suite=trixie

# root_build FOLDER
# shellcheck disable=SC2154 # recipe is build.sh's
root_build() {
	say "root file system: Debian $suite"
	# The files are copied in before the packages: the initramfs that the kernel
	# package makes reads its configuration from them.
	bootstrap \
		--include="$(paste -sd, "$recipe/packages")" \
		--dpkgopt=force-confold \
		--essential-hook="cp -r '$recipe'/files/. \"\$1\"" \
		--customize-hook="'$recipe/customize' \"\$1\"" \
		"$1"
}
