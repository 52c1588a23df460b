package model

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestServerOfAnInspectingNetwork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.server = serve(t, true, f.tarball)
	err := f.fails(exit.Missing)
	if !strings.Contains(err.Error(), "set IM2_CA_BUNDLE in .env.local") {
		t.Errorf("error %q", err)
	}
	if strings.Contains(f.notes.String(), "trying again") {
		t.Errorf("it was tried again: %q", f.notes)
	}
	f.CABundle = filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.server.Certificate().Raw})
	if err := os.WriteFile(f.CABundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	f.fetched()
}

func TestBadBundle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, endless := filepath.Join(dir, "empty.pem"), filepath.Join(dir, "endless.pem")
	err := errors.Join(os.WriteFile(empty, []byte("no certificate"), 0o600), os.WriteFile(endless, nil, 0o600), os.Truncate(endless, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing.pem"): "no such file",
		dir:                               "no certificate",
		empty:                             "no certificate",
		endless:                           "no certificate", // and it is not read
	} {
		f := newFixture(t)
		f.CABundle = path
		err := f.fails(exit.Unusable)
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "IM2_CA_BUNDLE") {
			t.Errorf("error %q, want %q", err, want)
		}
		// Nothing is read when nothing is downloaded.
		f.write(f.stored("test.onnx"), f.content)
		if _, err := f.ensure(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestDiscreet(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, want string }{
		{"plain", "plain"},
		{`invalid proxy address "http://user:pass@proxy:3128": why`, `invalid proxy address "http://proxy:3128": why`},
		{"https://u:p@ss@host/a@b and http://host2", "https://host/a@b and http://host2"},
		{"ends in ftp://me@x", "ends in ftp://x"},
	}
	for _, c := range cases {
		boom := errors.New(c.text)
		if got := discreet(boom); got.Error() != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
