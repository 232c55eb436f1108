package server

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/waddle-social/waddle/internal/server/api"
)

// The facts are described twice: in the platform package and in the contract.
func TestTheContractsFactsAreThoseOfThePlatformPackage(t *testing.T) {
	facts, err := fakeHost{}.Look()
	if err != nil {
		t.Fatal(err)
	}
	if v := reflect.ValueOf(facts); true {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the test's facts have no %s", v.Type().Field(i).Name)
			}
		}
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	var described api.HostFacts
	if err := json.Unmarshal(raw, &described); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(raw, &a) != nil || json.Unmarshal(again, &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("the contract loses something:\n%s\n%s", raw, again)
	}
}
