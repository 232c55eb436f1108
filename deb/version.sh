#!/bin/bash
# version.sh DESCRIBED turns the words of `git describe --always --dirty` into a
# version that dpkg sorts rightly: v1.2.0-3-gabc is after 1.2.0, v1.2.0-rc1 before
# it, and a commit without any tag before all of them, by SOURCE_DATE_EPOCH.
set -euo pipefail

v=${1#v}
dirty=
if [[ $v == *-dirty ]]; then
	dirty=.dirty
	v=${v%-dirty}
fi
if [[ ! $v =~ ^[0-9]+\.[0-9]+ ]]; then
	v=0.0.0~git$(TZ=UTC date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$v
elif [[ $v =~ ^(.*)-([0-9]+)-(g[0-9a-f]+)$ ]]; then
	v=${BASH_REMATCH[1]/-/\~}+${BASH_REMATCH[2]}.${BASH_REMATCH[3]}
else
	v=${v/-/\~}
	[[ -z $dirty ]] || dirty=+0.dirty
fi
# A hyphen would begin Debian's revision.
echo "${v//-/.}$dirty"
