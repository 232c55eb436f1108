package main

import (
	"encoding/json"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/problem"
)

// refused is the failure that stands for a problem that the daemon sent.
func refused(sent *client.Problem) *failure {
	p := &problem.Error{Code: problem.Code(sent.Code), Detail: sent.Detail, Hint: sent.Hint, Others: sent.Others}
	for _, f := range sent.Fields {
		p.Fields = append(p.Fields, problem.Field{
			Path: f.Path, File: f.File, Line: f.Line, Column: f.Column, Message: f.Message, Allowed: f.Allowed, Source: f.Source,
		})
	}
	raw, _ := json.Marshal(sent) // plain strings and numbers: it came out of JSON
	return &failure{exit: exitOf(p.Code), problem: p, raw: raw}
}
