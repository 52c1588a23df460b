package nonroot

import (
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/user"
)

func TestLevelText(t *testing.T) {
	t.Parallel()
	for l := OK; l <= Error; l++ {
		text, err := l.MarshalText()
		var back Level
		if err != nil || back.UnmarshalText(text) != nil || back != l {
			t.Errorf("%v became %v", l, back)
		}
	}
	if got := Level(9).String(); got != "level(9)" {
		t.Errorf("got %q", got)
	}
	if new(Level).UnmarshalText([]byte("bad")) == nil {
		t.Error("a level that does not exist was read")
	}
}

// TestUsersAreReadAsTheEngineReadsThem compares identify, which may know only a part of an image's
// users, with the engine's own parser, which has all of /etc/passwd.
func TestUsersAreReadAsTheEngineReadsThem(t *testing.T) {
	t.Parallel()
	accounts := map[string]account{"app": {uid: "1001", gid: "1002"}, "7up": {uid: "7", gid: "8"}}
	const users = "root:x:0:0::/:\napp:x:1001:1002::/:\n7up:x:7:8::/:\n"
	for _, name := range []string{"", "root", "app", "7up", "0", "00", "+0", "-0", "0x0", "1001", "01001", "4242", " 0", "nobody"} {
		for _, group := range []string{"", ":", ":0", ":00", ":root", ":1002", ":nogroup"} {
			id := identify(name+group, accounts)
			want, err := user.GetExecUser(name+group, nil, strings.NewReader(users), strings.NewReader("root:x:0:\n"))
			if err != nil {
				continue // a name that only the image's files have
			}
			if id.uid != strconv.Itoa(want.Uid) || id.gid != "" && id.gid != strconv.Itoa(want.Gid) {
				t.Errorf("%q is %s, and %d:%d for the engine", name+group, id, want.Uid, want.Gid)
			}
		}
	}
}
