//go:build unix

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "limit now", "separate", "separate -x m x o", "separate m x", "nothing"} {
		if err := run(strings.Fields(args), &bytes.Buffer{}); err == nil {
			t.Errorf("%q was run", args)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	r, low, err := parse([]string{"-low", "-threads=3", "model", "mix", "out"})
	if err != nil || !low || r.Threads != 3 || r.Model != "model" || r.Mix != "mix" || r.Out != "out" || r.Overlap != 0.25 || r.Library != library {
		t.Errorf("%+v, %t, %v", r, low, err)
	}
}

func TestALimitNeedsTheLibrary(t *testing.T) {
	t.Parallel()
	if _, err := limit(t.TempDir()); err == nil {
		t.Error("a folder is no library")
	}
}
