package contract

import (
	"slices"
	"sort"
)

// Operation is what the contract says of one operation.
type Operation struct {
	ID, Method, Path string
	Scope            string // empty when it is for everybody
	Err              error  // what is wrong with its security declaration
	Statuses         []string
	Parameters       []string // of the query and of headers
	HasBody          bool
}

// Operations lists all operations in the order of their paths. Statuses has no
// "default".
func (c *Contract) Operations() []Operation {
	var all []Operation
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := Operation{ID: op.OperationID, Method: method, Path: path, HasBody: op.RequestBody != nil}
			o.Scope, o.Err = scopeOf(op)
			for status := range op.Responses.Map() {
				if status != "default" {
					o.Statuses = append(o.Statuses, status)
				}
			}
			for _, p := range op.Parameters {
				if p.Value.In != "path" {
					o.Parameters = append(o.Parameters, p.Value.Name)
				}
			}
			slices.Sort(o.Statuses)
			all = append(all, o)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Path != all[j].Path {
			return all[i].Path < all[j].Path
		}
		return all[i].Method < all[j].Method
	})
	return all
}

// Takes reports whether the operation has this parameter (query or header).
func (c *Call) Takes(parameter string) bool {
	return c.route.Operation.Parameters.GetByInAndName("header", parameter) != nil ||
		c.route.Operation.Parameters.GetByInAndName("query", parameter) != nil
}
