#!/bin/bash
# Builds dist/waddle_VERSION_ARCH.deb and prints its path.
#
#   deb/build.sh [FOLDER]
#
# The same commit gives the same bytes: SOURCE_DATE_EPOCH (by default the time of
# the commit) is the date of everything in it. VERSION overrides git describe,
# GOARCH the architecture.
set -euo pipefail
export LC_ALL=C TZ=UTC

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$(mkdir -p "${1:-$root/dist}" && cd "${1:-$root/dist}" && pwd)
go=$(command -v go || echo /usr/local/go/bin/go)
cd "$root"

described=${VERSION:-$(git describe --tags --always --dirty)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
DEB_ARCH=$("$go" env GOARCH)
export SOURCE_DATE_EPOCH DEB_ARCH

DEB_VERSION=$(deb/version.sh "$described")
export DEB_VERSION

STAGE=$(mktemp -d)
export STAGE
trap 'rm -rf "$STAGE"' EXIT

# -buildvcs=false: the version says which commit it is, and a dirty tree of
# somebody who only builds would change the bytes.
build() { # TARGET-ARCH PROGRAM FOLDER
	GOARCH=$1 CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$described" -o "$3/" "./cmd/$2"
}
build "$DEB_ARCH" waddled "$STAGE"
build "$DEB_ARCH" waddle "$STAGE"

# The program writes its own completions; it has to run here for that.
mkdir "$STAGE/host"
build "$("$go" env GOHOSTARCH)" waddle "$STAGE/host"
for shell in bash zsh fish; do
	"$STAGE/host/waddle" completion "$shell" >"$STAGE/completion.$shell"
done

# What the linked modules' licences ask for.
"$go" list -deps -f '{{with .Module}}{{if .Version}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/waddled ./cmd/waddle |
	sort -u | while read -r module version folder; do
	find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort |
		while read -r text; do
			printf '%s\n%s %s: %s\n%s\n' "====================" "$module" "$version" "$(basename "$text")" "===================="
			cat "$text"
		done
done | gzip -9n >"$STAGE/third-party-licenses.gz"

find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$out/waddle_${DEB_VERSION}_${DEB_ARCH}.deb
GOARCH='' "$go" tool -modfile=tools/go.mod nfpm package --config deb/nfpm.yaml --packager deb --target "$package" >&2
echo "$package"
