package start_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/nonroot/internal/start"
)

// FuzzFollow: whatever a start script says, following it ends soon and says who or why not. The limit is far above what any script may
// take, so that a busy machine passes.
func FuzzFollow(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/scripts.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(string(file.Data), "server now")
	}
	f.Add("a() { b; }\nb() { a; }\na", "")
	f.Add("x=${x:-${x}${x}}${x//a/${x}}; exec gosu $x", "a")
	f.Add("for i in 1 2 3; do for j in 1 2 3; do [ $j ] && set -- \"$@\" $i || break; done; done; . /entry; exec \"$@\"", "gosu app")
	f.Fuzz(func(t *testing.T, text, args string) {
		limit := time.AfterFunc(20*time.Second, func() { panic("it takes too long") }) //nolint:forbidigo // nothing else ends it
		defer limit.Stop()
		end := start.Follow(world(map[string]string{"entry": text}, map[string]string{"A": "a b", "UID": "5"}), "root", append([]string{"sh", "/entry"}, strings.Fields(args)...))
		if end.User == "" && end.Why == "" {
			t.Error("it says nothing")
		}
	})
}
