package tools

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestPack(t *testing.T) {
	t.Parallel()
	archive, err := Pack(map[string][]byte{"/im2-reset": []byte("program")})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Pack(map[string][]byte{"/im2-reset": []byte("program")})
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("the same program gives another image")
	}
	r := tar.NewReader(archive)
	header, err := r.Next()
	if err != nil || header.Name != "im2-reset" || header.Mode != 0o755 {
		t.Fatalf("%+v, %v", header, err)
	}
	if text, _ := io.ReadAll(r); string(text) != "program" {
		t.Errorf("it has %q", text)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more in it: %v", err)
	}
}
