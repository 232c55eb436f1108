package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// emit writes v with -o json or -o yaml, and for a person what table returns.
func (a *app) emit(v any, table func() string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	return a.emitBody(raw, table)
}

// emitBody is emit for an object as the API sent it.
func (a *app) emitBody(raw []byte, table func() string) error {
	if a.table() {
		_, err := fmt.Fprint(a.con.Out, table())
		return err
	}
	return a.emitJSON(raw)
}

// emitJSON writes an object that is JSON already in the format that was asked for.
func (a *app) emitJSON(raw []byte) error {
	if a.flags.output == outYAML {
		out, err := yaml.JSONToYAML(raw)
		if err != nil {
			return fmt.Errorf("cannot print the answer: %w", err)
		}
		_, err = a.con.Out.Write(out)
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	_, err := fmt.Fprintln(a.con.Out, strings.TrimRight(pretty.String(), "\n"))
	return err
}
