//go:build !unix

package scenario_test

import "github.com/rogpeppe/go-internal/testscript"

// What is about numeric owners is there on Unix only.
func cmdOwned(ts *testscript.TestScript, _ bool, _ []string)    { noOwners(ts) }
func cmdAs(ts *testscript.TestScript, _ bool, _ []string)       { noOwners(ts) }
func cmdCheckout(ts *testscript.TestScript, _ bool, _ []string) { noOwners(ts) }
func cmdTree(ts *testscript.TestScript, _ bool, _ []string)     { noOwners(ts) }

func noOwners(ts *testscript.TestScript) {
	ts.Fatalf("files have no UID and GID on this system")
}
