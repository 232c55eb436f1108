#!/usr/bin/env bash
# The lab with the example platform applied as far as its four VMs, and the proof that it took.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-lab}
bin=$PWD/bin

lab() { "$bin/waddle-lab" "$1" --name "$name" "${@:2}"; }
waddle() { lab exec host -- "$bin/waddle" "$@"; }

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# document is the example with the one build of Debian that the lab's internet has, and its checksum there.
document() {
	local image=debian-13-genericcloud-amd64-20251117-2299.qcow2 at sum
	at=https://cloud.debian.org/images/cloud/trixie/20251117-2299
	sum=$(lab exec host -- curl --silent --show-error --fail "$at/SHA512SUMS" | awk -v image="$image" '$2 == image { print $1 }')
	[ -n "$sum" ] || fail "the lab's internet has no checksum of $image"
	sed "s|^  teleport:\$|&\n    image:\n      url: $at/$image\n      sha512: $sum|" examples/waddle-social.yaml
}

# vm NAME ID ADDRESS SEEN CORES MIB GIB CARDS: what the plan says of a VM, and where the internet sees it come from.
vm() {
	local config seen want bridge n=0
	config=$(lab exec host -- pvesh get "/nodes/pve/qemu/$2/config" --output-format json | jq -r 'to_entries[] | "\(.key)=\(.value)"')
	for want in "name=$1" "cores=$5" "memory=$6" "boot=order=scsi0"; do
		grep -qxF "$want" <<<"$config" || fail "VM $1 has not $want: $config"
	done
	grep -q "^scsi0=.*size=$7G" <<<"$config" || fail "the disk of VM $1 has not $7 GiB: $config"
	for bridge in $8; do
		grep -q "^net$n=.*bridge=$bridge" <<<"$config" || fail "net$n of VM $1 is not on $bridge: $config"
		n=$((n + 1))
	done
	! grep -q "^net$n=" <<<"$config" || fail "VM $1 has more than $n cards: $config"
	lab exec "$1" -- ip -4 -o addr | grep -qF " $3/24 " || fail "VM $1 does not hold $3"
	lab exec "$1" -- curl --silent --show-error --fail --max-time 10 --output /dev/null "http://web.internet.example/?from=$1" ||
		fail "VM $1 does not reach the internet"
	seen=$(lab exec internet -- curl --silent --fail http://192.0.2.80/requests | jq -r --arg vm "from=$1" 'map(select(.url | endswith($vm)))[-1].source')
	[ "${seen%:*}" = "$4" ] || fail "the internet saw VM $1 come from $seen, and not from $4"
	echo "ok    $1: VM $2, $5 cores, $6 MiB, $7 GiB, on $8, boots from scsi0, holds $3, reaches the internet as $4"
}

lab up --waddled "$bin/lab/waddled"
document | lab exec host -- sh -c 'cat >/root/platform.yaml'

echo "--- the example platform"
waddle platform validate /root/platform.yaml
waddle platform set /root/platform.yaml --yes >/dev/null

echo "--- access to Proxmox"
lab exec host -- "$bin/waddled" setup proxmox

echo "--- apply: everything up to phase 4 that needs no person"
# 6: everything was done that waddled can do; gates wait for a person
waddle apply --through 4 --yes || [ $? = 6 ]

echo "--- plan, right after"
waddle plan --through 4 --exit-code

echo "--- proof: the VMs"
waddle vm ls
vm teleport 102 10.10.0.2 203.0.113.20 2 2048 20 "vmbr0 vmbr1"
for n in 1 2 3; do
	vm waddle-cp-$n 11$((n - 1)) 10.10.0.$((n + 9)) 203.0.113.10 3 8192 10 vmbr1
done

echo "--- proof: the network"
lab proof

cat <<END

The lab $name is up. Look around:
  $bin/waddle-lab exec --name $name host -- $bin/waddle plan
  $bin/waddle-lab exec --name $name host -- $bin/waddle network
  $bin/waddle-lab exec --name $name host -- $bin/waddle vm show waddle-cp-1
  $bin/waddle-lab exec --name $name waddle-cp-1 -- ip addr                  # inside a VM
  $bin/waddle-lab exec --name $name host -- $bin/waddle op ls
  $bin/waddle-lab exec --name $name scanner -- curl -m 2 -k https://203.0.113.10:8006/   # closed
  $bin/waddle-lab status
make lab-down LAB=$name takes it away.
END
