package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of sshd's configuration.
const (
	sshdConfig = "/etc/ssh/sshd_config"
	sshdDropIn = "/etc/ssh/sshd_config.d/00-waddle.conf" // 00: sshd takes the first value that it reads
)

// directive is one line of sshd's configuration where sshd reads it: files that
// are included stand in the place of the Include.
type directive struct {
	file    string
	line    int
	keyword string // lower case
	args    []string
	match   string // the condition of the Match block that it stands in; "" means that it is global
}

func (x directive) place() string { return fmt.Sprintf("%s line %d", x.file, x.line) }

func (x directive) value() string { return strings.ToLower(strings.Join(x.args, " ")) }

// includeDepth is how deep sshd itself follows Include (SERVCONF_MAX_DEPTH).
const includeDepth = 16

// sshdReader reads sshd's configuration as sshd does.
type sshdReader struct {
	d *Driver
	// dropIn stands for the file sshdDropIn, whether it is there or not; nil
	// means that it is not.
	dropIn []byte
	found  []directive
	// files are the files in the order in which they were read, for the copy
	// that is tried.
	files []sshdFile
}

// sshdFile is one file and what each of its Include lines leads to.
type sshdFile struct {
	path     string
	content  []byte
	includes map[int][]string // by line
}

// readSSHD returns sshd's configuration with dropIn as our file.
func (d *Driver) readSSHD(dropIn []byte) (*sshdReader, error) {
	r := &sshdReader{d: d, dropIn: dropIn}
	return r, r.read(sshdConfig, "", 0)
}

func (r *sshdReader) content(path string) ([]byte, error) {
	if path == sshdDropIn {
		return r.dropIn, nil
	}
	return os.ReadFile(r.d.at(path))
}

func (r *sshdReader) read(path, match string, depth int) error {
	if depth > includeDepth {
		return fmt.Errorf("cannot read %s: more than %d nested Include lines", path, includeDepth)
	}
	b, err := r.content(path)
	if errors.Is(err, fs.ErrNotExist) && depth > 0 {
		return nil // gone since the directory was listed
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	file := sshdFile{path: path, content: b, includes: map[int][]string{}}
	for i, text := range strings.Split(string(b), "\n") {
		words := sshdWords(text)
		if len(words) == 0 {
			continue
		}
		x := directive{file: path, line: i + 1, keyword: canonical(words[0]), args: words[1:], match: match}
		switch x.keyword {
		case "match": // to the end of this file, not of the one that includes it
			match = strings.Join(x.args, " ")
		case "include":
			file.includes[x.line] = r.glob(x.args)
			for _, included := range file.includes[x.line] {
				if err := r.read(included, match, depth+1); err != nil {
					return err
				}
			}
		}
		r.found = append(r.found, x)
	}
	r.files = append(r.files, file)
	return nil
}

// glob lists what an Include leads to, sorted as sshd sorts it; our file among
// it, whether it is there or not.
func (r *sshdReader) glob(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if !filepath.IsAbs(p) {
			p = filepath.Join("/etc/ssh", p) // sshd_config(5)
		}
		matches, _ := filepath.Glob(r.d.at(p))
		var paths []string
		for _, m := range matches {
			path := "/" + strings.TrimPrefix(strings.TrimPrefix(m, filepath.Clean(r.d.root)), "/")
			if path != sshdDropIn && !hidden(path, p) {
				paths = append(paths, path)
			}
		}
		if match, _ := filepath.Match(p, sshdDropIn); match && r.dropIn != nil {
			paths = append(paths, sshdDropIn)
		}
		slices.Sort(paths)
		out = append(out, paths...)
	}
	return out
}

// hidden reports what glob(3) leaves out: a name with a dot in front that the
// pattern does not have.
func hidden(path, pattern string) bool {
	return strings.HasPrefix(filepath.Base(path), ".") && !strings.HasPrefix(filepath.Base(pattern), ".")
}

// canonical is the keyword in lower case, with its newer name.
func canonical(keyword string) string {
	k := strings.ToLower(keyword)
	if k == "challengeresponseauthentication" || k == "skeyauthentication" {
		return "kbdinteractiveauthentication"
	}
	return k
}

// sshdWords splits a line into words as sshd does: blanks or one "=" after the
// keyword, double quotes, and a comment from a "#" that begins a word.
func sshdWords(line string) []string {
	var words []string
	rest := strings.Trim(line, " \t\r\f")
	for rest != "" && rest[0] != '#' {
		var word string
		if rest[0] == '"' {
			word, rest, _ = strings.Cut(rest[1:], `"`)
		} else {
			end := strings.IndexAny(rest, " \t\f")
			if i := strings.IndexByte(rest, '='); len(words) == 0 && i > 0 && (end < 0 || i < end) {
				end = i
			}
			if end < 0 {
				end = len(rest)
			}
			word, rest = rest[:end], rest[end:]
		}
		rest = strings.TrimLeft(rest, " \t\f")
		if len(words) == 0 {
			rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t\f")
		}
		words = append(words, word)
	}
	return words
}
