#!/usr/bin/env bash
# The long forms of the tests that try many random cases, on the packet filter of this kernel, in network namespaces.
# TORTURE=short is what CI has time for: the same tests, fewer cases. Everything printed is in .cache/torture.log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
mkdir -p .cache
log=.cache/torture.log
: >"$log"

if [ "${TORTURE:-long}" = short ]; then
	matrix=(-timeout 10m)
	generated=20s
else
	export WADDLE_TORTURE=1 # 1,007 trials
	matrix=(-timeout 3h)
	generated=10m
fi

failed=0
# torture WHAT PACKAGE PATTERN [FLAGS]: shows the verdict and the figures.
torture() {
	local what=$1 package=$2 pattern=$3 began=$SECONDS
	shift 3
	echo "--- $what"
	if ! go test -count=1 -v -run "$pattern" "$@" "$package" >"$log.part" 2>&1; then
		failed=1
		grep -nE -A 15 '^ *--- FAIL|^panic:|^FAIL' "$log.part" | head -80
	fi
	cat "$log.part" >>"$log"
	grep -E '^[a-z][a-z/ -]{1,24}: .*[0-9]|_test.go:[0-9]+: .*[0-9]' "$log.part"
	echo "    took $((SECONDS - began)) s"
}

torture "the rollback matrix: the daemon killed, frozen, out of disk … while a change waits" ./pkg/netfw/confirm 'TestRollbackMatrix$' "${matrix[@]}"
WADDLE_GENERATED=$generated torture "generated configurations, whose rules iptables-restore and nft have to take" ./pkg/netfw 'TestNoConfigurationMakesRulesThatAreRefused$' -timeout 30m
if [ "${TORTURE:-long}" != short ]; then
	torture "200 swaps of the profile under traffic" ./pkg/netfw/confirm 'TestNothingPassesBetweenTwoProfiles$' -timeout 30m
	torture "who may reach what, every cell with real packets, and what a missing rule changes" ./pkg/netfw 'TestWhoMayReachWhat$|TestEveryRuleIsNoticed$|TestMutantsWithRealPackets$' -timeout 60m
fi
rm -f "$log.part"
exit "$failed"
