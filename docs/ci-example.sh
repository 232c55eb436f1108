#!/bin/sh
# Everything that waddle does, with curl and jq. A CI job calls:
#
#   ci-example.sh deploy platform.yaml 1     validate, write, plan, apply through phase 1, watch
#
# and "ci-example.sh help" lists the rest. It wants:
#
#   WADDLE_SERVER       https://10.10.0.1:7443
#   WADDLE_TOKEN_FILE   a file with the token, readable by this user alone
#   WADDLE_CA           the daemon's ca.crt, copied from the host
#
# Exit codes: 0 done, 2 wrong call or document, 3 differences found (plan), 4 refused,
# 5 failed, 6 waits at a gate, 7 not reachable, 8 not authenticated.
set -eu

: "${WADDLE_SERVER:?is not set}" "${WADDLE_TOKEN_FILE:?is not set}" "${WADDLE_CA:?is not set}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# curl with the token on its standard input: it is on no command line and in no
# environment. printf is the shell's own.
with_token() {
	printf 'header = "Authorization: Bearer %s"\n' "$(cat "$WADDLE_TOKEN_FILE")" |
		curl --config - --silent --show-error --tlsv1.3 --cacert "$WADDLE_CA" "$@"
}

# call METHOD PATH [CURL ARGUMENTS]: the answer is in $tmp/body, its headers in
# $tmp/headers, its status in $status. Does not return when it is a problem.
call() {
	method=$1 path=$2
	shift 2
	try "$method" "$path" "$@"
	[ "$status" -lt 400 ] || refused
}

# try is call that returns in any case. What starts something carries an
# Idempotency-Key, so that curl may repeat it when the connection breaks.
try() {
	method=$1 path=$2
	shift 2
	status=$(with_token --request "$method" --output "$tmp/body" --dump-header "$tmp/headers" --write-out '%{http_code}' \
		--max-time 660 --retry 3 --retry-connrefused "$@" "$WADDLE_SERVER$path") || exit 7
}

header() { tr -d '\r' <"$tmp/headers" | sed -n "s/^$1: //Ip" | tail -n 1; }

body() { cat "$tmp/body"; }

# refused prints the problem and exits with the code that stands for it.
refused() {
	jq -r '"refused (\(.code)): \(.detail)",
		((.fields // [])[] | "  \(.file // "")\(if .line then ":\(.line):\(.column)" else "" end) \(.path): \(.message)\(if .allowed then "; allowed: " + .allowed else "" end)"),
		(if .hint then "hint: " + .hint else empty end)' "$tmp/body" >&2 || body >&2
	case $(jq -r .code "$tmp/body") in
	unauthenticated | too_many_attempts) exit 8 ;;
	invalid_request | invalid_platform | not_found | method_not_allowed | too_large | unsupported_media | idempotency_reused | precondition_needed) exit 2 ;;
	unavailable) exit 7 ;;
	internal) exit 1 ;;
	state_unusable | rules_damaged | interrupted | not_settled) exit 5 ;;
	*) exit 4 ;;
	esac
}

# key makes what is used once. A CI system has something better: the number of
# the job, which stays the same when the job is started again.
key() { printf '%s-%s' "${CI_JOB_ID:-$(cat /proc/sys/kernel/random/uuid)}" "$1"; }

validate() { call POST /v1/platform/validate --header 'Content-Type: application/yaml' --data-binary "@$1"; }

# put writes the document. If-Match says which one it replaces: somebody else's
# change in between is not overwritten.
put() {
	try GET /v1/platform
	case $status in
	200) set -- "$1" --header "If-Match: $(header etag)" ;;
	404) ;;
	*) refused ;;
	esac
	file=$1
	shift
	call PUT /v1/platform --header 'Content-Type: application/yaml' --data-binary "@$file" "$@"
}

plan() { call GET "/v1/plan${1:+?through=$1}"; }

show_plan() {
	jq -r '.steps[] | select(.result.state != "done") | "phase \(.phase) \(.id): \(.result.state)",
		((.result.differences // [])[] | "  \(.kind) \(.object)\(if .is then " is " + .is else "" end)\(if .want then " → " + .want else "" end)")' "$tmp/body"
}

no_changes() { [ "$(jq .changes "$tmp/body")" -eq 0 ] && echo "no changes"; }

# start PATH JSON NAME: starts an operation and prints its id.
start() {
	call POST "$1" --header 'Content-Type: application/json' --data-binary "$2" --header "Idempotency-Key: $(key "$3")"
	jq -r .id "$tmp/body"
}

# watch prints an operation's events as they come. A stream that breaks is
# opened again after the last event that was seen.
watch() {
	echo 0 >"$tmp/last"
	while :; do
		with_token --no-buffer --header "Last-Event-ID: $(cat "$tmp/last")" "$WADDLE_SERVER/v1/operations/$1/events" |
			while read -r name value; do
				case $name in
				id:) echo "$value" >"$tmp/last" ;;
				data:) printf '%s\n' "$value" | jq -r '"\(.time) \(.type) \(.step // .operation // "") \(.state // "") \(.message // "")"' ;;
				esac
			done || true
		call GET "/v1/operations/$1"
		[ "$(jq -r .state "$tmp/body")" = running ] || return 0
		sleep 1
	done
}

# ended exits as the operation in $tmp/body has ended.
ended() {
	state=$(jq -r .state "$tmp/body")
	echo "operation $(jq -r .id "$tmp/body"): $state"
	jq -r 'if .error then "\(.error.code): \(.error.detail)", (if .error.hint then "hint: " + .error.hint else empty end) else empty end' "$tmp/body"
	case $state in
	done) exit 0 ;;
	waiting) exit 6 ;;
	*) exit 5 ;;
	esac
}

deploy() {
	validate "$1"
	put "$1"
	plan "${2:-}"
	if no_changes; then
		exit 0
	fi
	show_plan
	id=$(start /v1/apply "$(jq -cn --arg through "${2:-}" 'if $through == "" then {} else {through: ($through | tonumber)} end')" apply)
	watch "$id"
	ended
}

# A short operation needs no watching: ?wait holds the answer back until it has
# ended (200) or the time is up (202).
wait_for() {
	path=$1 json=$2 name=$3
	set -- POST "$path?wait=5m" --header "Idempotency-Key: $(key "$name")"
	[ -z "$json" ] || set -- "$@" --header 'Content-Type: application/json' --data-binary "$json"
	call "$@"
	[ "$status" -eq 200 ] || watch "$(jq -r .id "$tmp/body")"
	ended
}

# wait_delete PATH QUERY NAME: a deletion that is an operation.
wait_delete() {
	call DELETE "$1?wait=5m${2:+&$2}" --header "Idempotency-Key: $(key "$3")"
	[ "$status" -eq 200 ] || watch "$(jq -r .id "$tmp/body")"
	ended
}

# token_create keeps a new token's secret off the screen and out of the log.
token_create() {
	call POST /v1/tokens --header 'Content-Type: application/json' --header "Idempotency-Key: $(key "token-$1")" \
		--data-binary "$(jq -cn --arg name "$1" --arg scope "$2" '{name: $name, scopes: [$scope]}')"
	(umask 077 && jq -r .secret "$tmp/body" >"$3")
	jq .token "$tmp/body"
}

# root_password has the daemon make one and keeps it off the screen and out of the log.
root_password() {
	call PUT /v1/host/root-password --header 'Content-Type: application/json' --data-binary '{"generate": true}'
	(umask 077 && jq -r .password "$tmp/body" >"$1")
	jq '{setAt}' "$tmp/body"
}

# change METHOD PATH JSON NAME: a change that is no operation; its answer is the
# object that was changed.
change() {
	call "$1" "$2" --header 'Content-Type: application/json' --data-binary "$3" --header "Idempotency-Key: $(key "$4")"
	body
}

# csi_secrets keeps the endpoint's client key off the screen and out of the log.
csi_secrets() {
	call GET /v1/storage/csi-values/revealed
	(umask 077 && jq -r '.manifests[] | "---\n" + .yaml' "$tmp/body" >"$1")
	jq -r '.manifests[] | .name + (if .secret then " (secret)" else "" end)' "$tmp/body"
}

usage() {
	sed -n 's/^\t\([a-z-]*\)) .*# /\1 /p' "$0"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
	help) usage ;; # this list
	deploy) deploy "$@" ;; # FILE [PHASE]: validate, write, plan, apply through the phase, watch
	version) call GET /v1/version && body ;; # what is running
	status) call GET /v1/status && body ;; # how it is
	validate) validate "$1" && body ;; # FILE: every error of a document
	put) put "$1" && body ;; # FILE: write the document
	platform) call GET /v1/platform && body ;; # the document as it was written
	platform-json) call GET /v1/platform --header 'Accept: application/json' && body ;; # with all defaults
	schema) call GET /v1/platform/schema && body ;; # the document's JSON Schema
	host) call GET /v1/host && body ;; # what the host has, for a first document
	preflight) call GET /v1/preflight && body && jq -e .ready "$tmp/body" >/dev/null || exit 4 ;; # what the platform lacks on the host
	export-opentofu) call GET /v1/export/opentofu && jq -r '.files[] | "# \(.name)\n\(.content)"' "$tmp/body" ;; # the VMs as a configuration of OpenTofu
	root-password) root_password "$1" ;; # FILE: a new password for root, into FILE
	plan) plan "${1:-}" && show_plan && no_changes || exit 3 ;; # [PHASE]: what would change
	apply) wait_for /v1/apply "$(jq -cn --argjson through "$1" '{through: $through}')" "apply-$1" ;; # PHASE: apply through it
	phases) call GET /v1/phases && body ;; # how far each phase is
	phase) call GET "/v1/phases/$1" && body ;; # PHASE: its steps
	run) wait_for "/v1/phases/$1/run" '{}' "run-$1" ;; # PHASE: run it alone
	undo-plan) call GET "/v1/phases/$1/undo" && show_plan ;; # PHASE: what an undo would put back
	undo) wait_for "/v1/phases/$1/undo" '{}' "undo-$1" ;; # PHASE: put back what it changed
	acknowledge) call POST "/v1/phases/$1/steps/$2/acknowledge" --header 'Content-Type: application/json' --header "Idempotency-Key: $(key "ack-$2")" --data-binary "$(jq -cn --arg note "$3" '{note: $note}')" ;; # PHASE STEP NOTE: confirm a gate
	withdraw) call DELETE "/v1/phases/$1/steps/$2/acknowledge" ;; # PHASE STEP: take a confirmation back
	operations) call GET "/v1/operations?limit=${1:-20}" && body ;; # [HOW MANY]: the newest first
	operation) call GET "/v1/operations/$1" && body ;; # ID: what happened
	watch) watch "$1" && ended ;; # ID: its events
	cancel) call POST "/v1/operations/$1/cancel?wait=1m" --header "Idempotency-Key: $(key "cancel-$1")" && body ;; # ID: stop after the running step
	events) with_token --no-buffer --max-time "${1:-60}" --header 'Last-Event-ID: 0' "$WADDLE_SERVER/v1/events" || [ $? -eq 28 ] ;; # [SECONDS]: all events
	network) call GET /v1/network && body ;; # as seen and as wanted
	firewall) call GET "/v1/firewall?rules=true" && body ;; # the firewall's profile, what is pending, the rules and their counters
	firewall-test) call GET /v1/firewall/test --get --data-urlencode "from=$1" --data-urlencode "to=$2" && body ;; # WHO WHO:PORT/tcp: which rule decides
	firewall-set) call POST /v1/firewall/set --header 'Content-Type: application/json' --header "Idempotency-Key: $(key "set-$1")" --data-binary "$(jq -cn --arg profile "$1" '{profile: $profile}')" && body ;; # PROFILE: load one that rolls itself back
	firewall-diff) call GET /v1/firewall/diff && body ;; # what is pending, and what has drifted
	firewall-confirm) call POST /v1/firewall/confirm && body ;; # keep it: curl's new connection proves that the rules let us in
	firewall-rollback) call POST /v1/firewall/rollback && body ;; # take a pending change back, or end an emergency
	firewall-emergency) call POST /v1/firewall/emergency --header 'Content-Type: application/json' --data-binary "$(jq -cn --arg from "$1" --arg for "$2" '{from: [$from], for: $for}')" && body ;; # CIDR TIME: let an address in for a while
	storage) call GET /v1/storage && body ;; # how the storage is
	volumes) call GET "/v1/storage/volumes?limit=${1:-200}" && body ;; # [HOW MANY]: by name
	volume-create) change POST /v1/storage/volumes "$(jq -cn --arg name "$1" --argjson bytes "$2" '{name: $name, sizeBytes: $bytes}')" "create-$1" ;; # VOLUME BYTES: make it and export it
	volume) call GET "/v1/storage/volumes/$1" && body ;; # VOLUME: with target, sessions and snapshots
	volume-resize) change POST "/v1/storage/volumes/$1/resize" "$(jq -cn --argjson bytes "$2" '{sizeBytes: $bytes}')" "resize-$1-$2" ;; # VOLUME BYTES: let it grow
	volume-snapshot) change POST "/v1/storage/volumes/$1/snapshots" "$(jq -cn --arg name "$2" '{name: $name}')" "snapshot-$1-$2" ;; # VOLUME NAME: take a snapshot
	volume-rollback) change POST "/v1/storage/volumes/$1/rollback" "$(jq -cn --arg volume "$1" --arg name "$2" '{snapshot: $name, confirm: $volume}')" "rollback-$1-$2" ;; # VOLUME NAME: put it back to a snapshot
	volume-clone) change POST "/v1/storage/volumes/$1/clone" "$(jq -cn --arg name "$2" --arg snapshot "$3" '{name: $name, snapshot: $snapshot}')" "clone-$1-$2" ;; # VOLUME NEW SNAPSHOT: a volume out of a snapshot
	volume-move) call POST "/v1/storage/volumes/$1/move" --header "Idempotency-Key: $(key "move-$1")" && body ;; # VOLUME: bring an older host's volume to its place
	volume-delete) call DELETE "/v1/storage/volumes/$1?confirm=$2" && echo "volume $1 is deleted" ;; # VOLUME VOLUME: destroy it; the name twice
	snapshot-delete) call DELETE "/v1/storage/volumes/$1/snapshots/$2" && echo "snapshot $2 of volume $1 is deleted" ;; # VOLUME NAME: delete a snapshot
	sessions) call GET /v1/storage/sessions && body ;; # who is logged in to which volume
	orphans) call GET /v1/storage/orphans && body ;; # what does not belong together
	repair) wait_for /v1/storage/repair "" repair ;; # repair that
	adoption) call GET /v1/storage/adoption && body ;; # what an older host has
	adopt) wait_for /v1/storage/adoption "" adopt ;; # take that over
	csi-values) call GET /v1/storage/csi-values && body ;; # what democratic-csi needs
	csi-secrets) csi_secrets "$@" ;; # FILE: the manifests with the secrets, into FILE
	vms) call GET /v1/vms && body ;; # the virtual machines
	vm) call GET "/v1/vms/$1" && body ;; # VM: one of them
	vm-adoption) call GET "/v1/vms/$1/adoption" && body ;; # VM: what an adoption would take over
	vm-adopt) wait_for "/v1/vms/$1/adoption" "$(jq -cn --arg digest "$2" '{digest: $digest}')" "adopt-$1" ;; # VM DIGEST: take it over
	vm-power) wait_for "/v1/vms/$1/power" "$(jq -cn --arg action "$2" '{action: $action}')" "power-$1-$2" ;; # VM ACTION: start, stop, shutdown or reboot it
	vm-snapshot) wait_for "/v1/vms/$1/snapshots" "$(jq -cn --arg name "$2" '{name: $name}')" "vm-snapshot-$1-$2" ;; # VM NAME: take a snapshot
	vm-rollback) wait_for "/v1/vms/$1/snapshots/$2/rollback" '{"start": true}' "vm-rollback-$1-$2" ;; # VM NAME: go back to a snapshot
	vm-snapshot-delete) wait_delete "/v1/vms/$1/snapshots/$2" "" "vm-snapshot-delete-$1-$2" ;; # VM NAME: delete a snapshot
	vm-recreate) wait_for "/v1/vms/$1/recreate" "$(jq -cn --arg name "$2" '{confirm: $name}')" "recreate-$1" ;; # VM VM: make it anew; the name twice
	vm-delete) wait_delete "/v1/vms/$1" "confirm=$2" "delete-$1" ;; # VM VM: delete it with its disks; the name twice
	images) call GET /v1/images && body ;; # the images
	image-pull) wait_for "/v1/images/$1/pull" '' "pull-$1" ;; # IMAGE: fetch debian or talos
	image-prune) wait_for /v1/images/prune '{}' prune ;; # remove images that are not needed
	tokens) call GET /v1/tokens && body ;; # who may call
	token-create) token_create "$@" ;; # NAME SCOPE FILE: a token, its secret into FILE
	token-revoke) call DELETE "/v1/tokens/$1" ;; # ID: dead at once
	metrics) call GET /metrics && body ;; # for Prometheus
	contract) call GET /openapi.json && body ;; # the OpenAPI document
	*) usage >&2 && exit 2 ;;
esac
