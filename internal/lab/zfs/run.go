package zfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

// refusal is an error of zfs: its text on stderr, exit code 1.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// rejected is a value that zfs set does not take: exit code 255 (OpenZFS 2.3, seen
// in the appliance VM).
type rejected string

func (r rejected) Error() string { return string(r) }

// misuse is an error in the arguments: exit code 2.
type misuse string

func (m misuse) Error() string { return string(m) }

func (p *Pool) dispatch(proc driver.Process) driver.Output {
	if len(proc.Args) == 0 {
		return driver.Output{Stderr: []byte("missing command\n"), Code: 2}
	}
	// Streams run without the pool's lock: a send and the receive it feeds run at
	// the same time.
	switch proc.Args[0] {
	case "send":
		return answer("", p.send(proc.Args[1:], proc.Stdout))
	case "receive", "recv":
		return answer("", p.receive(proc.Args[1:], proc.Stdin))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memo = nil
	commands := map[string]func([]string) (string, error){
		"create": p.create, "destroy": p.destroy, "snapshot": p.snapshot, "clone": p.clone,
		"rollback": p.rollback, "rename": p.rename,
		"set": p.set, "inherit": p.inherit, "get": p.get, "list": p.list,
	}
	run := commands[proc.Args[0]]
	if run == nil {
		return driver.Output{Stderr: []byte("unrecognized command '" + proc.Args[0] + "'\n"), Code: 2}
	}
	return answer(run(proc.Args[1:]))
}

func answer(stdout string, err error) driver.Output {
	out := driver.Output{Stdout: []byte(stdout)}
	if err == nil {
		return out
	}
	out.Stderr, out.Code = []byte(err.Error()+"\n"), 1
	var m misuse
	var r rejected
	switch {
	case errors.As(err, &m):
		out.Code = 2
	case errors.As(err, &r):
		out.Code = 255
	}
	return out
}

// options is what getopt found: flags (a string of letters), values by letter,
// and the operands.
type options struct {
	flags  string
	values map[byte][]string
	rest   []string
}

func (o options) has(letter byte) bool { return strings.IndexByte(o.flags, letter) >= 0 }

// last returns the last value of an option, and whether it was given.
func (o options) last(letter byte) (string, bool) {
	v := o.values[letter]
	if len(v) == 0 {
		return "", false
	}
	return v[len(v)-1], true
}

// getopt reads options as getopt(3) does with the given string of letters; one
// with a colon takes a value.
func getopt(args []string, letters string) (options, error) {
	o := options{values: map[byte][]string{}}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			// GNU getopt permutes, but zfs is called with POSIXLY_CORRECT
			// semantics ("+" is implied by its own loop): the rest are operands.
			o.rest = append(o.rest, args[i:]...)
			break
		}
		for j := 1; j < len(a); j++ {
			at := strings.IndexByte(letters, a[j])
			if at < 0 || a[j] == ':' {
				return o, misuse(fmt.Sprintf("invalid option '%c'", a[j]))
			}
			if at+1 >= len(letters) || letters[at+1] != ':' {
				o.flags += string(a[j])
				continue
			}
			value := a[j+1:]
			if value == "" {
				if i++; i >= len(args) {
					return o, misuse(fmt.Sprintf("missing argument for '%c' option", a[j]))
				}
				value = args[i]
			}
			o.values[a[j]] = append(o.values[a[j]], value)
			break
		}
	}
	return o, nil
}

// operands checks how many there are.
func (o options) operands(least, most int) error {
	if len(o.rest) < least {
		return misuse("missing dataset argument")
	}
	if most > 0 && len(o.rest) > most {
		return misuse("too many arguments")
	}
	return nil
}

func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

func split(list []string) []string {
	var all []string
	for _, l := range list {
		all = append(all, strings.Split(l, ",")...)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
