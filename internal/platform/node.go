package platform

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

func spotOf(p *token.Position) spot {
	if p == nil {
		return spot{}
	}
	return spot{p.Line, p.Column}
}

// nodeSpot is where n begins.
func nodeSpot(n ast.Node) spot {
	if list, is := entries(n); is && len(list) > 0 && list[0].Key != nil {
		return tokenSpot(list[0].Key.GetToken())
	}
	if n == nil {
		return spot{}
	}
	return tokenSpot(n.GetToken())
}

func tokenSpot(t *token.Token) spot {
	if t == nil {
		return spot{}
	}
	return spotOf(t.Position)
}

// entries returns a mapping's entries.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// describe names a node's type in the operator's words.
func describe(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "has no value"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "is a mapping"
	case *ast.SequenceNode:
		return "is a list"
	case *ast.BoolNode:
		return "is a boolean"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "is a number"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "uses an anchor or an alias"
	case *ast.TagNode:
		return "has a tag"
	case *ast.StringNode, *ast.LiteralNode:
		return "is a text"
	}
	return "is no plain value"
}

// scalarText is the text of a scalar as it stands in the file.
func scalarText(n ast.Node) (text string, plain bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		if s.Value == nil {
			return "", true
		}
		return strings.TrimRight(s.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
		if t := n.GetToken(); t != nil {
			return t.Value, false
		}
	}
	return "", false
}

// keyText is a key as it stands in the file; ok is false for keys that are no plain text.
func keyText(k ast.MapKeyNode) (key string, ok bool) {
	if s, is := k.(*ast.StringNode); is {
		return s.Value, true
	}
	if k == nil || k.GetToken() == nil {
		return "", false
	}
	switch k.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	}
	return k.GetToken().Value, false
}
