# What the building machine has to offer.
# shellcheck shell=bash

say() { echo "appliance: $*"; }

fail() {
	echo "appliance: cannot build the image: $*"
	exit 1
}

host_needs_root() {
	[[ $(id -u) == 0 ]] || fail "a root file system needs root to be built; run it once as root, then anybody can use it from WADDLE_CACHE"
}

# host_needs_space FOLDER GIB
host_needs_space() {
	local free
	free=$(df --output=avail -BG "$1" | tail -1 | tr -dc 0-9)
	((free >= $2)) || fail "$1 has ${free} GB free, $2 GB are needed; free some or set WADDLE_CACHE to another disk"
}

# host_packages installs from Debian's packages what is missing.
host_packages() {
	local missing=() command
	local -A package=(
		[mmdebstrap]=mmdebstrap [qemu-system-x86_64]=qemu-system-x86 [qemu-img]=qemu-utils
		[mke2fs]=e2fsprogs [ssh-keygen]=openssh-client
	)
	for command in "${!package[@]}"; do
		command -v "$command" >/dev/null || [[ -x /usr/sbin/$command ]] || missing+=("${package[$command]}")
	done
	[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	command -v apt-get >/dev/null || fail "install ${missing[*]}: this machine has no apt-get to do it with"
	apt-get -q update || fail "apt-get update failed; is the mirror in apt's sources reachable?"
	DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" ||
		fail "apt-get install ${missing[*]} failed"
}

# archives prints one line for each archive that apt has lists of: origin|label|address.
archives() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages'
}

# host_mirror finds the archives (mirror, security; the latter may stay empty)
# that this machine's apt has read its package lists from.
host_mirror() {
	local lists
	lists=$(archives)
	if [[ -z ${WADDLE_DEBIAN_MIRROR:-} && $lists != *"Debian|Debian|"* ]]; then
		say "reading apt's package lists, there are none"
		apt-get -q update || fail "apt-get update failed; is the mirror in apt's sources reachable?"
		lists=$(archives)
	fi
	mirror=${WADDLE_DEBIAN_MIRROR:-$(awk -F'|' '$1=="Debian" && $2=="Debian" {print $3; exit}' <<<"$lists")}
	security=$(awk -F'|' '$1=="Debian" && $2=="Debian-Security" {print $3; exit}' <<<"$lists")
	[[ -n $mirror ]] || fail "apt's package lists name no Debian mirror; run apt-get update, or set WADDLE_DEBIAN_MIRROR to one"
}

# bootstrap ARGUMENTS... is mmdebstrap with this machine's mirror and proxy.
# shellcheck disable=SC2154 # suite is root.sh's
bootstrap() {
	local folder=${!#} proxy='' options=()
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[[ -z $proxy ]] || options+=(--aptopt="Acquire::http::Proxy \"$proxy\"")
	mmdebstrap --mode=root --variant=minbase --components=main,contrib \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"${options[@]}" "${@:1:$#-1}" "$suite" "$folder" <<-END || fail "mmdebstrap failed (see above); is $mirror reachable, and does it carry $suite?"
		deb $mirror $suite main contrib
		deb $mirror $suite-updates main contrib
		${security:+deb $security $suite-security main contrib}
	END
}
