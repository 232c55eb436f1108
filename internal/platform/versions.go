package platform

import (
	"regexp"
	"strconv"
	"strings"
)

const semver = `(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?`

var (
	versionRE  = regexp.MustCompile(`^` + semver + `$`)
	vVersionRE = regexp.MustCompile(`^v` + semver + `$`)
	chartVerRE = regexp.MustCompile(`^v?` + semver + `(\+[0-9A-Za-z.-]+)?$`)
	rangeRE    = regexp.MustCompile(`^(\*|v?(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*|x|\*)){1,2})$`)
)

// Version is a semantic version without a leading v.
type Version string

func (Version) rule() rule {
	return matching(versionRE, 64, "a full version", "a semantic version with three numbers and no v in front", "1.35.0")
}

func (v Version) wrong() string {
	if vVersionRE.MatchString(string(v)) {
		return quote(string(v), rule{}) + " has a v in front: did you mean " + string(v[1:]) + "?"
	}
	return ""
}

// Minor is the second number, 0 when v is none.
func (v Version) Minor() int { return minorOf(string(v)) }

// TagVersion is a semantic version with a leading v, as a Git tag has it.
type TagVersion string

func (TagVersion) rule() rule {
	return matching(vVersionRE, 64, "a full version with a v", "a semantic version with three numbers and a v in front", "v1.12.4")
}

func (v TagVersion) wrong() string {
	if versionRE.MatchString(string(v)) {
		return quote(string(v), rule{}) + " has no v in front: did you mean v" + string(v) + "?"
	}
	return ""
}

// Minor is the second number, 0 when v is none.
func (v TagVersion) Minor() int { return minorOf(string(v)) }

// ChartVersion is the exact version of a Helm chart.
type ChartVersion string

func (ChartVersion) rule() rule {
	return matching(chartVerRE, 64, "an exact version", "an exact semantic version, so that a run today and one tomorrow install the same", "1.19.6")
}

// VersionRange is a version that Flux may raise within limits.
type VersionRange string

func (VersionRange) rule() rule {
	return matching(rangeRE, 64, "a version or a range", "a version, a range with x in the last places, or '*' for the latest stable one", "2.x")
}

func minorOf(v string) int {
	parts := strings.Split(v, ".")
	if len(parts) < 2 {
		return 0
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return n
}
