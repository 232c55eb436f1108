#!/usr/bin/env bash
# The lab with the example platform applied as far as phase 1, and the proof that it took itself.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-lab}
bin=$PWD/bin

lab() { "$bin/waddle-lab" "$1" --name "$name" "${@:2}"; }
waddle() { lab exec host -- "$bin/waddle" "$@"; }

lab up --waddled "$bin/lab/waddled"
lab exec host -- cp "$PWD/examples/waddle-social.yaml" /root/platform.yaml

echo "--- the example platform"
waddle platform validate /root/platform.yaml
waddle platform set /root/platform.yaml --yes >/dev/null

echo "--- apply, phases 0 and 1"
# 6: everything was done that waddled can do; gates wait for a person
waddle apply --through 1 --yes || [ $? = 6 ]

echo "--- plan, right after"
waddle plan --through 1 --exit-code

echo "--- proof"
lab proof

cat <<EOF

The lab $name is up. Look around:
  $bin/waddle-lab exec --name $name host -- $bin/waddle plan
  $bin/waddle-lab exec --name $name host -- $bin/waddle network
  $bin/waddle-lab exec --name $name host -- $bin/waddle op ls
  $bin/waddle-lab exec --name $name scanner -- curl -m 2 -k https://203.0.113.10:8006/   # closed
  $bin/waddle-lab status
make lab-down takes it away.
EOF
