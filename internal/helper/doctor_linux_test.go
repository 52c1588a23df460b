package helper

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

func TestKeepTellAndSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "said")
	t.Setenv(probe.Variable, "abc")
	var out bytes.Buffer
	for _, verb := range []string{"keep", "tell"} {
		if err := doctor([]string{verb, path}, nil, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "abc" {
		t.Errorf("said %q", out.String())
	}
	if err := doctor([]string{"same", path}, nil, &out, io.Discard); err == nil || !strings.Contains(err.Error(), "not abc") {
		t.Errorf("another digest: %v", err)
	}
	t.Setenv(probe.Variable, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	if err := doctor([]string{"same", path}, nil, &out, io.Discard); err != nil {
		t.Error(err)
	}
	if err := doctor([]string{"same", path + "x"}, nil, &out, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that did not arrive: %v", err)
	}
}

// The machine looks at the file while the container waits for it.
func TestTheFileIsThereUntilInputEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, probe.FromHost), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	input, done := io.Pipe()
	output, said := io.Pipe()
	over := make(chan error, 1)
	go func() { over <- doctor([]string{"look", dir}, input, said, io.Discard) }()
	line := make([]byte, 4096)
	n, err := output.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if sight, err := probe.Hear(line[:n]); err != nil || sight.Made == nil {
		t.Errorf("%+v, %v", sight, err)
	}
	path := filepath.Join(dir, probe.FromContainer)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	_ = done.Close()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"same"}, {"nothing", "x"}, {"look", "x", "y"}} {
		var coded *exit.Error
		if err := doctor(args, strings.NewReader(""), io.Discard, io.Discard); !errors.As(err, &coded) || coded.Code != exit.Unusable {
			t.Errorf("%q: %v", args, err)
		}
	}
}
