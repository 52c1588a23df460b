//go:build unix

package ownership_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/ownership"
)

// A dry run counts what a reset would change.
func ExampleReset() {
	data, err := os.MkdirTemp("", "data")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(data) }() // the test's own
	if err := errors.Join(os.Chmod(data, 0o755), os.WriteFile(filepath.Join(data, "song.wav"), nil, 0o600)); err != nil {
		fmt.Println(err)
		return
	}
	sum, err := ownership.Reset(context.Background(), ownership.Request{
		Folder: data,
		Owner:  ownership.Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
		// Only because an example may run as root. Data of services should belong to somebody else.
		AllowRoot: true,
		DryRun:    true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d entries, %d with another mode\n", sum.Seen, sum.ModesChanged)
	for _, p := range sum.Problems {
		fmt.Printf("%q: %s\n", p.Path, p.Reason)
	}
	// Output: 2 entries, 1 with another mode
}

// Folders of the system and home folders are refused, also to root.
func ExampleReset_refused() {
	_, err := ownership.Reset(context.Background(), ownership.Request{Folder: "/usr/lib", Owner: ownership.Owner{UID: 1000, GID: 1000}})
	fmt.Println(err)
	fmt.Println(errors.Is(err, ownership.ErrProtected))
	// Output:
	// resetting /usr/lib: it is a system folder
	// true
}

func ExampleParseOwner() {
	owner, err := ownership.ParseOwner("1000:20")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(owner.UID, owner.GID, owner)
	// Output: 1000 20 1000:20
}
