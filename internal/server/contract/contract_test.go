package contract

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/waddle-social/waddle/api"
)

func load(t *testing.T) *Contract {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Load does not look: what is checked here cannot change until the next build.
func TestTheContractIsValid(t *testing.T) {
	if _, err := Parse(api.OpenAPI); err != nil {
		t.Error(err)
	}
	broken := strings.Replace(string(api.OpenAPI), "operationId: getVersion\n", "operationId: getHealth\n", 1)
	if _, err := Parse([]byte(broken)); err == nil || !strings.Contains(err.Error(), "getHealth") {
		t.Errorf("two operations of one name: %v", err)
	}
}

func TestEverySchemaIsDescribedAndHasAnExample(t *testing.T) {
	for name, s := range load(t).doc.Components.Schemas {
		if s.Value.Description == "" || s.Value.Example == nil {
			t.Errorf("the schema %s has no description or no example", name)
		}
		for property, p := range s.Value.Properties {
			if p.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, property)
			}
		}
	}
}

func TestEveryOperationSaysWhatItIsAndHowItFails(t *testing.T) {
	c := load(t)
	for _, op := range c.Operations() {
		o := c.doc.Paths.Find(op.Path).GetOperation(op.Method)
		if o.Summary == "" || len(o.Tags) != 1 {
			t.Errorf("%s has no summary or no tag", op.ID)
		}
		if o.Responses.Default() == nil {
			t.Errorf("%s does not say what a defect looks like", op.ID)
		}
		want := []string{"400"}
		if op.Scope != "" {
			want = append(want, "401", "403", "429")
		}
		if op.HasBody {
			want = append(want, "413", "415")
		}
		for _, status := range want {
			if o.Responses.Value(status) == nil {
				t.Errorf("%s does not document %s", op.ID, status)
			}
		}
		for status, r := range o.Responses.Map() {
			if isError(status) && r.Value.Content.Get("application/problem+json") == nil {
				t.Errorf("%s %s is no problem", op.ID, status)
			}
		}
	}
}

func isError(status string) bool { return status == "default" || strings.HasPrefix(status, "4") }

// A POST that changes something can be tried again.
// sameTwice are the calls that do no more when they are sent twice. None may be
// answered from memory: what counts is the connection, and what is loaded now.
var sameTwice = map[string]string{
	"postFirewallConfirm":   "what is confirmed stays so",
	"postFirewallRollback":  "it names the change that it takes back, or finds none",
	"postFirewallEmergency": "it takes the place of the one that is in force",
}

func TestEveryPostThatChangesSomethingTakesAnIdempotencyKey(t *testing.T) {
	c := load(t)
	excused := 0
	for _, op := range c.Operations() {
		if op.Method != "POST" || op.Scope == "read" {
			continue
		}
		if sameTwice[op.ID] != "" {
			excused++
			continue
		}
		o := c.doc.Paths.Find(op.Path).GetOperation(op.Method)
		if o.Parameters.GetByInAndName(openapi3.ParameterInHeader, "Idempotency-Key") == nil {
			t.Errorf("%s takes no Idempotency-Key", op.ID)
		}
	}
	if excused != len(sameTwice) {
		t.Errorf("%d of the %d calls that are excused are there", excused, len(sameTwice))
	}
}
