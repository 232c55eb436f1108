package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

// comments returns the comments of types ("VM") and fields ("VM.Memory") in dir.
// A key of the document without one is an error.
func comments(dir string) (map[string]string, error) {
	words := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		collect(file, words)
	}
	for _, e := range platform.Entries() {
		if words[e.Table+"."+e.Field] == "" {
			return nil, fmt.Errorf("the key %s has no comment at %s.%s", e.Path, e.Table, e.Field)
		}
	}
	return words, nil
}

func collect(file *ast.File, words map[string]string) {
	for _, decl := range file.Decls {
		gen, is := decl.(*ast.GenDecl)
		if !is {
			continue
		}
		for _, s := range gen.Specs {
			t, is := s.(*ast.TypeSpec)
			if !is {
				continue
			}
			words[t.Name.Name] = sentence(gen.Doc)
			if body, is := t.Type.(*ast.StructType); is {
				for _, f := range body.Fields.List {
					for _, n := range f.Names {
						words[t.Name.Name+"."+n.Name] = sentence(f.Doc)
					}
				}
			}
		}
	}
}

func sentence(c *ast.CommentGroup) string {
	return strings.Join(strings.Fields(c.Text()), " ")
}
