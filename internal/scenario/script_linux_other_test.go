//go:build !linux

package scenario_test

import (
	"errors"
	"net"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdVolume(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("volume: only Linux has file systems in memory")
}

func cmdFill(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("fill: only Linux has file systems in memory")
}

func cmdCorpus(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("corpus: only Linux has all of these files")
}

func cmdKinds(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("kinds: only Linux has the corpus that these are for")
}

func cmdState(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("state: only Linux tells all of that")
}

func cmdRootless(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("rootless: only Linux runs an engine without a virtual machine")
}

func cmdOwnerless(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("ownerless: only Linux is asked to mount one")
}

func cmdCluster(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("cluster: only Linux has the namespaces that it is made of")
}

func askCluster() error { return errors.New("only Linux has the namespaces of a cluster") }

func askOwnerless() error { return errors.New("only Linux is asked to mount a file system") }

func askRootless() error { return errors.New("only Linux runs an engine without a virtual machine") }

func listenForEngine(*testscript.TestScript) (net.Listener, error) { return nil, nil }

// ownEngine is Linux's alone.
type ownEngine struct{}

func cmdEngine(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("engine: only Linux runs an engine without a virtual machine")
}
