package probe_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

func TestLookSeesWhoItIsAndLeavesAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, probe.FromHost), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sight, made, err := probe.Look(dir)
	if err != nil || made == nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := sight.Say(&wire); err != nil {
		t.Fatal(err)
	}
	heard, err := probe.Hear(wire.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	uid := os.Getuid()
	if int(heard.User.UID) != uid || heard.Made == nil || int(heard.Made.Owner.UID) != uid || heard.Host == nil || heard.Denied != "" {
		t.Errorf("%+v", heard)
	}
	if len(strings.Fields(heard.UIDMap)) < 3 || time.Since(heard.Now).Abs() > time.Minute || time.Since(heard.Made.Modified).Abs() > time.Minute {
		t.Errorf("%+v", heard)
	}
	again, _, err := probe.Look(dir) // a file that is there already is never taken for one of ours
	if err != nil || again.Made != nil || !strings.Contains(again.Denied, "exists") {
		t.Errorf("%+v, %v", again, err)
	}
	// What is removed is in the folder that was opened, also if another one has its name by then.
	moved := dir + ".moved"
	if err := errors.Join(os.Rename(dir, moved), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, probe.FromContainer), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	probe.Remove(made)
	if _, err := os.Lstat(filepath.Join(moved, probe.FromContainer)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, probe.FromContainer)); err != nil {
		t.Errorf("another one was removed: %v", err)
	}
	none, _, err := probe.Look(filepath.Join(dir, "none"))
	if err != nil || none.Denied == "" {
		t.Errorf("%+v, %v", none, err)
	}
	if _, err := probe.Hear([]byte("no JSON")); err == nil {
		t.Error("nonsense is heard")
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got, err := probe.Digest(path); got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := probe.Digest(path + "x"); err == nil {
		t.Error("what is not there has a digest")
	}
}
