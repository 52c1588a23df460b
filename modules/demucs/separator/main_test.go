package separator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/modules/internal/enginetest"
)

// TestMain makes this test's program a separation when the service's would be one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == separator.Subcommand {
		os.Exit(separator.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	m.Run()
}

// process is a separation in a process of its own.
func process(ctx context.Context, r separator.Request) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], r.Args()...) //nolint:gosec // this program again
	cmd.Env = append(os.Environ(), separator.Environ(false)...)
	return cmd
}

// run separates, and returns what is printed and the exit code.
func run(t *testing.T, r separator.Request) (stdout, stderr string, code int) {
	t.Helper()
	var out, faults bytes.Buffer
	cmd := process(t.Context(), r)
	cmd.Stdout, cmd.Stderr = &out, &faults
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), faults.String(), cmd.ProcessState.ExitCode()
}

// writeMix writes a song as the separator reads it.
func writeMix(t *testing.T, song enginetest.Stereo) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mix.f32")
	var data []byte
	for i := range song[0] {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(song[0][i]))
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(song[1][i]))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readStem reads a file that the separator wrote.
func readStem(t *testing.T, path string) enginetest.Stereo {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil || info.Size()%8 != 0 {
		t.Fatalf("%s: %v, %v", path, info, err)
	}
	var s enginetest.Stereo
	frames := make([]float32, info.Size()/4)
	if err := binary.Read(bufio.NewReader(f), binary.LittleEndian, frames); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(frames); i += 2 {
		s[0], s[1] = append(s[0], frames[i]), append(s[1], frames[i+1])
	}
	return s
}
