package inputs

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestARecordSaysWhatChanged(t *testing.T) {
	t.Parallel()
	r := Records{Folder: t.TempDir() + "/new"}
	old, at := full(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old.Args = map[string]string{"UID": "1", "DB_URL": "s3cret"}
	if err := r.Save(old, at); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.Built("web", old.Digest()); !ok || !got.Equal(at) {
		t.Errorf("built at %v, %v", got, ok)
	}
	now := full()
	now.Args = map[string]string{"UID": "2", "DB_URL": "s3cret"}
	if got := r.Why(old.Digest(), now); strings.Join(got, ", ") != "UID 1 -> 2" {
		t.Errorf("got %q", got)
	}
	now.Args["DB_URL"] = "an0ther"
	if got := r.Why(old.Digest(), now); strings.Join(got, ", ") != "argument DB_URL changed, UID 1 -> 2" {
		t.Errorf("got %q", got)
	}
	text, err := os.ReadFile(r.path("web"))
	if err != nil || bytes.Contains(text, []byte("s3cret")) || old.Args["DB_URL"] != "s3cret" {
		t.Errorf("a secret is in %s, %v, or was taken from the inputs", text, err)
	}
}

func TestWithoutARecordItIsStaleAllTheSame(t *testing.T) {
	t.Parallel()
	const general = "its inputs changed"
	r, digest := Records{Folder: t.TempDir()}, full().Digest()
	why := func(what string, digest string) {
		t.Helper()
		if got := r.Why(digest, full()); len(got) != 1 || got[0] != general {
			t.Errorf("%s: got %q", what, got)
		}
	}
	why("nothing kept", digest)
	if err := r.Save(full(), time.Now()); err != nil {
		t.Fatal(err)
	}
	why("another image's", "sha256:other")
	if _, ok := r.Built("web", "sha256:other"); ok {
		t.Error("another image's time is believed")
	}
	why("a record that names no difference", digest)
	if err := os.WriteFile(r.path("web"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	why("a damaged one", digest)
	r = Records{}
	if err := r.Save(full(), time.Now()); err != nil {
		t.Error(err)
	}
	why("none kept anywhere", digest)
}
