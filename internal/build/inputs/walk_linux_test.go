package inputs

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExtendedAttributesCount(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"f": "1"})
	digests := make(map[string]bool)
	look := func() {
		got, err := walk(t.Context(), scope{root, []string{"."}, nil}, nil)
		if err != nil {
			t.Fatal(err)
		}
		digests[Inputs{Files: got.files}.Digest()] = true
	}
	look()
	for _, value := range []string{"1", "2"} {
		err := unix.Setxattr(filepath.Join(root, "f"), "user.im2", []byte(value), 0)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
			t.Skipf("skipped: no extended attributes here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		look()
	}
	if len(digests) != 3 {
		t.Errorf("%d of 3 digests differ", len(digests))
	}
}
