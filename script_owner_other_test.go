//go:build !unix

package im2_test

import "github.com/rogpeppe/go-internal/testscript"

// cmdOwned needs numeric owners, which only Unix has.
func cmdOwned(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("owned: files have no UID and GID on this system")
}
