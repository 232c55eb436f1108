package termtest

import (
	"regexp"
	"strconv"
	"strings"
)

var command = regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)

// Replay returns what an endlessly tall screen shows after a program has written
// stream: it knows line ends, carriage return, cursor up, erase below, and
// colours, which it drops. Anything else that commands a terminal shows as text.
func Replay(stream string) string {
	lines, row, column := []string{""}, 0, 0
	for len(stream) > 0 {
		if m := command.FindStringSubmatch(stream); m != nil {
			stream = stream[len(m[0]):]
			switch m[2] {
			case "A":
				n, _ := strconv.Atoi(m[1])
				row = max(row-max(n, 1), 0)
			case "J":
				lines = lines[:row+1]
				lines[row] = cut(lines[row], column)
			case "m":
			default:
				lines[row] += "<" + m[0][1:] + ">"
			}
			continue
		}
		r := []rune(stream)[0]
		stream = stream[len(string(r)):]
		switch r {
		case '\r':
			column = 0
		case '\n':
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
			column = 0
		default:
			text := []rune(cut(lines[row], column))
			for len(text) < column {
				text = append(text, ' ')
			}
			rest := []rune(lines[row])
			text = append(text, r)
			if len(rest) > column+1 {
				text = append(text, rest[column+1:]...)
			}
			lines[row] = string(text)
			column++
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

func cut(line string, column int) string {
	if r := []rune(line); len(r) > column {
		return string(r[:column])
	}
	return line
}
