#!/usr/bin/env bash
# All tests with the race detector. Shows each package's verdict and the figures that the tests print, which go hides when
# a package passes, and at the very end what the failed tests printed. What everything printed is in .cache/test.log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
mkdir -p .cache
log=.cache/test.log events=.cache/test.json
# A program built with -race sleeps for a second when it ends, unless told otherwise, and the tests start hundreds.
export GORACE="atexit_sleep_ms=0 ${GORACE:-}"
# What takes longest begins first, so that nothing long is left to run alone at the end.
go test -race -timeout 20m -json ./test/journey ./pkg/netfw/... ./internal/server ./... >"$events" 2>&1
code=$?
jq -Rrjn '[inputs | fromjson? // {Output: (. + "\n")}] | group_by(.Package)[][].Output // empty' "$events" >"$log"
grep -E '^(ok|FAIL)[[:space:]]|^[a-z][a-z/ -]{1,24}: .*[0-9]' "$log"
if [ "$code" != 0 ]; then
	echo "--- what failed (everything: $log)"
	jq -Rrn -f test/failed.jq "$events"
fi
exit "$code"
