#!/bin/sh
# Fails when the contract breaks callers of a released one.
#
#   api/breaking.sh            compares every api/released/*.yaml with api/openapi.yaml
#   api/breaking.sh OLD NEW    compares these two
#
# A released file is never changed. A new one is added when a version is released.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

compare() {
	go -C "$here/.." tool -modfile=tools/go.mod oasdiff breaking --fail-on ERR --color never "$1" "$2"
}

if [ $# -eq 2 ]; then
	compare "$(realpath "$1")" "$(realpath "$2")"
	exit
fi
for released in "$here"/released/*.yaml; do
	compare "$released" "$here/openapi.yaml"
done
