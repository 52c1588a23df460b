package cluster

import (
	"reflect"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// A key that is new in compose-go has to be decided: what is not rendered and not noted is lost without a word.
func TestEveryKeyOfAServiceIsDecided(t *testing.T) {
	t.Parallel()
	all := keys(reflect.ValueOf(types.ServiceConfig{Deploy: &types.DeployConfig{}}), "")
	for _, key := range sortedKeys(all) {
		if _, ok := decisions[key]; !ok {
			t.Errorf("what becomes of %q? fix: add it to decisions, and render it if it matters", key)
		}
	}
	for _, key := range sortedKeys(decisions) {
		if _, ok := all[key]; !ok {
			t.Errorf("compose-go no longer has the key %q; fix: remove it from decisions", key)
		}
		d := decisions[key]
		if (d.fate == noted || d.fate == refused) && d.as == "" || (d.fate == refused) != (d.fix != "") {
			t.Errorf("%q is decided without a reason, or without a fix where one is needed: %+v", key, d)
		}
	}
}
