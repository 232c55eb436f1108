package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNoAnswer is returned when the input ended before a question was answered.
var ErrNoAnswer = errors.New("the input ended before the question was answered")

// Ask writes the question to the error output and returns the line that is
// typed, or fallback for an empty one. It returns ctx's error as soon as ctx is
// done: a person who types Ctrl-C at a question wants to leave.
func (c *Console) Ask(ctx context.Context, question, fallback string) (string, error) {
	if fallback == "" {
		fmt.Fprintf(c.Err, "%s: ", question)
	} else {
		fmt.Fprintf(c.Err, "%s [%s]: ", question, fallback)
	}
	line, err := c.readLine(ctx)
	if err != nil {
		fmt.Fprintln(c.Err)
		return "", err
	}
	if line == "" {
		return fallback, nil
	}
	return line, nil
}

// Confirm asks a question that only "y" or "yes" answers with yes.
func (c *Console) Confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(c.Err, "%s [y/N]: ", question)
	line, err := c.readLine(ctx)
	if err != nil {
		fmt.Fprintln(c.Err)
		return false, err
	}
	line = strings.ToLower(line)
	return line == "y" || line == "yes", nil
}

// readLine leaves its goroutine behind when ctx ends first: a read from a
// terminal cannot be called off, and the program is about to end.
func (c *Console) readLine(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := c.lines.ReadString('\n')
		got <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-got:
		if errors.Is(a.err, io.EOF) && a.line == "" {
			return "", ErrNoAnswer
		}
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("cannot read the answer: %w", a.err)
		}
		return a.line, nil
	}
}
