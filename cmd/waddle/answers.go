package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// givenAnswers are the answers of --answers and --set, by path; --set wins.
func (a *app) givenAnswers(o initOptions) (map[string]string, error) {
	given := map[string]string{}
	if o.answers != "" {
		raw, err := os.ReadFile(o.answers)
		if err != nil {
			return nil, usagef("", "cannot read the answers: %s", err)
		}
		for i, line := range strings.Split(string(raw), "\n") {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			path, value, ok := strings.Cut(line, "=")
			if !ok {
				return nil, usagef("write path=value", "cannot read the answers: %s:%d has no =", o.answers, i+1)
			}
			given[strings.TrimSpace(path)] = strings.TrimSpace(value)
		}
	}
	for _, s := range o.set {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usagef("write --set path=value", "cannot read --set %q: it has no =", s)
		}
		given[path] = value
	}
	return given, nil
}

// answerAll puts the given answers into p and asks for the rest. Without a
// terminal everything that is wrong or missing is listed at once.
func (a *app) answerAll(ctx context.Context, p *platform.Platform, questions []platform.Question, given map[string]string) error {
	faults := setGiven(p, given)
	var open []platform.Question
	for _, q := range questions {
		if _, ok := given[q.Path]; !ok {
			open = append(open, q)
		}
	}
	if len(faults) == 0 && a.con.Interactive() {
		return a.askAll(ctx, p, open)
	}
	for _, q := range open {
		if q.Required {
			faults = append(faults, problem.Field{Path: q.Path, Message: "no answer: " + q.Prompt, Allowed: q.Allowed})
		} else if err := platform.Set(p, q.Path, q.Default); q.Default != "" && err != nil {
			return err
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &failure{exit: exitUsage, problem: &problem.Error{
		Code: codeUsage, Detail: fmt.Sprintf("cannot propose a platform document: %d answers are missing or wrong", len(faults)),
		Hint: "give them with --set path=value or --answers FILE, or run waddle init on a terminal", Fields: faults,
	}}
}

// setGiven puts answers into p in the order of their paths, so that the elements
// of a list come one after the other, and returns what was wrong.
func setGiven(p *platform.Platform, given map[string]string) []problem.Field {
	paths := make([]string, 0, len(given))
	for path := range given {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var faults []problem.Field
	for _, path := range paths {
		if err := platform.Set(p, path, given[path]); err != nil {
			faults = append(faults, problem.Field{Path: path, Message: strings.TrimPrefix(err.Error(), "cannot set "+path+": ")})
		}
	}
	return faults
}

func (a *app) askAll(ctx context.Context, p *platform.Platform, open []platform.Question) error {
	if len(open) > 0 {
		fmt.Fprintln(a.con.Err, "The host does not show everything. Return takes the answer in brackets.")
	}
	for _, q := range open {
		if err := a.askOne(ctx, p, q); err != nil {
			return err
		}
	}
	return nil
}

// askOne asks until the answer is one.
func (a *app) askOne(ctx context.Context, p *platform.Platform, q platform.Question) error {
	for {
		answer, err := a.con.Ask(ctx, q.Prompt, q.Default)
		if errors.Is(err, console.ErrNoAnswer) {
			return usagef("", "%s (%s)", err, q.Path)
		}
		if err != nil {
			return err
		}
		if answer == "" && !q.Required {
			return nil
		}
		if answer == "" {
			fmt.Fprintf(a.con.Err, "  %s: %s\n", a.con.ErrStyle.Bad("an answer is needed"), q.Allowed)
			continue
		}
		if err := platform.Set(p, q.Path, answer); err != nil {
			fmt.Fprintf(a.con.Err, "  %s\n", a.con.ErrStyle.Bad(err.Error()))
			continue
		}
		return nil
	}
}
