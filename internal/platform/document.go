package platform

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// spot is a place in the file, both numbers from 1. The zero value is nowhere.
type spot struct{ line, column int }

func (s spot) before(t spot) bool {
	return s.line < t.line || s.line == t.line && s.column < t.column
}

// wholeDocument is the path of faults that concern no key.
const wholeDocument = "(document)"

// root parses data and returns the one mapping that it must be.
func root(data []byte) (body ast.Node, where spot, message, allowed string) {
	file, err := parseYAML(data)
	if err != nil {
		where, message = syntaxError(err)
		return nil, where, message, "YAML: the keys of one mapping at one indentation, made of spaces; texts with special characters in quotes"
	}
	var docs []*ast.DocumentNode
	for _, d := range file.Docs {
		if d.Body != nil {
			docs = append(docs, d)
		}
	}
	const one = "one mapping with apiVersion, kind, metadata and spec"
	switch {
	case len(docs) == 0:
		return nil, spot{1, 1}, "the document is empty", one
	case len(docs) > 1 || len(file.Docs) > 1:
		second := file.Docs[1]
		where = spot{1, 1}
		if second.Start != nil {
			where = spotOf(second.Start.Position)
		} else if second.Body != nil {
			where = nodeSpot(second.Body)
		}
		return nil, where, fmt.Sprintf("the file has %d documents", len(file.Docs)), "one document; remove the '---' lines and what does not belong to this platform"
	}
	return docs[0].Body, spot{}, "", ""
}

// parseYAML turns a panic of the parser into an error: rubbish must not stop the daemon.
func parseYAML(data []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, errors.New("the text is not YAML")
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntaxError takes place and words from the parser's error.
func syntaxError(err error) (spot, string) {
	var y yaml.Error
	if !errors.As(err, &y) {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return spot{1, 1}, "not YAML: " + first
	}
	where := spot{1, 1}
	if t := y.GetToken(); t != nil && t.Position != nil {
		where = spotOf(t.Position)
	}
	return where, "not YAML: " + y.GetMessage()
}
