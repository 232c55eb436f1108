#!/usr/bin/env bash
# Ratios of two things measured side by side in one run (medians of five). An absolute figure says more about the
# machine than about waddle. docs/performance.md keeps a table with the method.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# bench PACKAGE PATTERN: appends go's lines.
bench() { go test -run '^$' -bench "$2" -benchtime "${BENCHTIME:-20x}" -count 5 "$1" | tee -a "$out" >/dev/null; }

# median NAME: nanoseconds an operation.
median() {
	awk -v name="$1" '{ n = $1; sub(/-[0-9]+$/, "", n) } n == name { print $3 }' "$out" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR == 0) exit 1; print v[int((NR + 1) / 2)] }'
}

# ratio WHAT OVER UNDER: how many times OVER takes UNDER's time.
ratio() {
	local over under
	over=$(median "$2") || { echo "no figure for $2" >&2; return 1; }
	under=$(median "$3") || { echo "no figure for $3" >&2; return 1; }
	printf '%-78s %8.1f  (%s ns / %s ns)\n' "$1" "$(awk -v a="$over" -v b="$under" 'BEGIN { print a / b }')" "$over" "$under"
}

bench ./pkg/netfw 'Look|Load'
bench ./internal/lab/lio 'At10$|At1000$|Restore'

printf '%-78s %8s\n' "ratio" "times"
ratio "firewall: one process a rule, against one restore" BenchmarkLoadByOneProcessARule BenchmarkLoadByOneRestore
ratio "firewall: a look after a change, against one at the same generation" BenchmarkLookAfterAChange BenchmarkLookWithTheSameGeneration
ratio "iSCSI (stand-in): create and delete beside 1000 targets, against beside 10" BenchmarkCreateAndDeleteAt1000 BenchmarkCreateAndDeleteAt10
ratio "iSCSI (stand-in): restore of 1000 targets, against 500" BenchmarkRestore1000 BenchmarkRestore500

# What needs real ZFS and LIO: full, short (fewer targets) or none.
form=${WADDLE_SIDEBYSIDE:-full}
if [ "$form" = none ]; then
	exit 0
fi
if [ ! -d "$(test/appliance/build.sh --where)" ]; then
	echo "waddled beside targetcli: left out, the appliance image is not there (make e2e builds it and measures the short form)"
	exit 0
fi
log=$(mktemp)
trap 'rm -f "$out" "$log"' EXIT
if ! WADDLE_E2E=1 WADDLE_SIDEBYSIDE=$form go test -count=1 -timeout 5h -v -run '^TestSideBySideWithTargetcli$' ./test/appliance >"$log" 2>&1; then
	cat "$log"
	exit 1
fi
sed -n 's/^ *bench: //p' "$log"
