package inputs

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"testing"

	"github.com/im2-audio/im2/internal/filestate"
)

func states() map[string]known {
	return map[string]known{
		"a":         {filestate.State{Size: 1, Modified: 2, Changed: 3, Inode: 4, Mode: 0o644}, [32]byte{1, 2}},
		"b/\xff\n":  {filestate.State{Size: math.MaxInt64, Modified: math.MinInt64, Changed: -1, Inode: math.MaxUint64, Mode: fs.ModeSetuid | 0o777}, [32]byte{31: 9}},
		"":          {},
		"nothing/c": {filestate.State{Modified: 1 << 60}, [32]byte{}},
	}
}

func TestStatesComeBack(t *testing.T) {
	t.Parallel()
	got, err := decode(encode(states()))
	if err != nil || !maps.Equal(got, states()) {
		t.Errorf("got %v, %v", got, err)
	}
	c := Cache{Folder: t.TempDir() + "/new"}
	if got := c.load("key"); got != nil {
		t.Errorf("nothing was kept, and yet there is %v", got)
	}
	if err := c.store("key", states()); err != nil || !maps.Equal(c.load("key"), states()) {
		t.Errorf("got %v, %v", c.load("key"), err)
	}
	if got := c.load("another key"); got != nil {
		t.Errorf("another key's are %v", got)
	}
	if err := (Cache{}).store("key", states()); err != nil || (Cache{}).load("key") != nil {
		t.Errorf("a cache that is nowhere keeps something: %v", err)
	}
}

func TestDamageIsNoticedAtEveryByte(t *testing.T) {
	t.Parallel()
	c := Cache{Folder: t.TempDir()}
	if err := c.store("key", states()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(c.path("key"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(text []byte) bool {
		if err := os.WriteFile(c.path("key"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		return c.load("key") == nil
	}
	for i := range whole {
		text := append([]byte{}, whole...)
		text[i] ^= 0x10
		if !damaged(text) || !damaged(whole[:i]) {
			t.Errorf("a change or an end at byte %d is not noticed", i)
		}
	}
	if damaged(whole) {
		t.Error("the whole file counts as damaged")
	}
}

// FuzzDecode wants no panic and nothing that encode would not write, whatever the bytes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(nil))
	f.Add(encode(states()))
	f.Add([]byte{cacheVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := decode(text)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Error(err)
			}
			return
		}
		again, err := decode(encode(got))
		if err != nil || !maps.Equal(got, again) {
			t.Errorf("%v became %v, %v", got, again, err)
		}
	})
}
