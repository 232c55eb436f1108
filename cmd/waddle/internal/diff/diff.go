// Package diff compares two texts line by line.
package diff

import "strings"

// Line is one line of a comparison.
type Line struct {
	Op   byte // ' ' in both, '-' only in the old text, '+' only in the new one
	Text string
}

// Lines returns what turns old into new: a longest common subsequence, which is
// quadratic in what lies between the first and the last differing line. The
// texts are platform documents and rule files of a few hundred lines.
func Lines(old, updated string) []Line {
	a, b := split(old), split(updated)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	out := keep(nil, a[:head])
	out = append(out, middle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	return keep(out, a[len(a)-tail:])
}

func middle(a, b []string) []Line {
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []Line
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, Line{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, Line{'-', a[i]})
			i++
		default:
			out = append(out, Line{'+', b[j]})
			j++
		}
	}
	return out
}

// Near drops the lines that are in both texts and further than context lines
// from a change. A gap becomes one Line with the Op '.'.
func Near(lines []Line, context int) []Line {
	wanted := make([]bool, len(lines))
	for i, l := range lines {
		if l.Op == ' ' {
			continue
		}
		for k := max(i-context, 0); k <= min(i+context, len(lines)-1); k++ {
			wanted[k] = true
		}
	}
	var out []Line
	for i, l := range lines {
		switch {
		case wanted[i]:
			out = append(out, l)
		case len(out) > 0 && out[len(out)-1].Op != '.':
			out = append(out, Line{Op: '.'})
		}
	}
	if n := len(out); n > 0 && out[n-1].Op == '.' {
		out = out[:n-1]
	}
	return out
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func keep(out []Line, lines []string) []Line {
	for _, l := range lines {
		out = append(out, Line{' ', l})
	}
	return out
}
