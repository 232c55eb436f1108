#!/usr/bin/env bash
# All tests with the race detector. Shows each package's verdict and the figures that the tests print; go hides these
# when a package passes. What everything printed is in .cache/test.log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
mkdir -p .cache
log=.cache/test.log
# A program built with -race sleeps for a second when it ends, unless told otherwise, and the tests start hundreds.
export GORACE="atexit_sleep_ms=0 ${GORACE:-}"
# What takes longest begins first, so that nothing long is left to run alone at the end.
go test -race -timeout 20m -v ./test/journey ./pkg/netfw/... ./internal/server ./... >"$log" 2>&1
code=$?
grep -E '^(ok|FAIL)[[:space:]]|^[a-z][a-z/ -]{1,24}: .*[0-9]' "$log"
if [ "$code" != 0 ]; then
	echo "--- what failed (everything: $log)"
	grep -nE -B 12 -A 25 '^ *--- FAIL|^panic:|DATA RACE|^FAIL|\[build failed\]|^# ' "$log" | grep -v 'level=DEBUG' | head -400
fi
exit "$code"
