package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot/verify"
)

func TestOnlyWhatIsToBeReadHasARow(t *testing.T) {
	t.Parallel()
	users := verifyFinding{Check: verify.Users, Level: "ok", Detail: "2 processes as 1000:1000"}
	setuid := verifyFinding{Check: verify.SetuidFiles, Level: "note", Detail: "11 in the image"}
	ended := verifyFinding{Check: verify.State, Level: "note", Detail: "it has ended"}
	owners := verifyFinding{Check: verify.DataOwners, Level: "note", Detail: "1 entry", remedy: verify.ResetRights}
	umask := verifyFinding{Check: verify.Umask, Level: "fail", Detail: "0077"}
	limits := verifyFinding{Check: verify.Limits, Level: "warn", By: verify.ByConfiguration, Detail: "none"}
	for _, c := range []struct {
		name string
		all  []verifyFinding
		want string
	}{
		{"all is well", []verifyFinding{users, setuid}, "2 checks|[ok]|2 processes as 1000:1000, 1 note"},
		{
			"something is not",
			[]verifyFinding{users, umask, limits, setuid},
			"umask|[fail]|0077\nlimits|[warn]|by configuration: none\n2 others|[ok]|2 processes as 1000:1000, 1 note",
		},
		{"a note with something to do", []verifyFinding{owners}, "data-owners|[note]|1 entry"},
		{"a service that has ended", []verifyFinding{ended, setuid}, "state|[note]|it has ended\n1 other|[ok]|1 note"},
		{"nothing", nil, ""},
	} {
		var rows []string
		for _, row := range findingRows(c.all, false) {
			rows = append(rows, strings.Join(row, "|"))
		}
		if got := strings.Join(rows, "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		every := findingRows(c.all, true)
		if len(every) != len(c.all) || slices.ContainsFunc(every, func(row []string) bool { return row[0] == "1 other" }) {
			t.Errorf("%s: not every check: %q", c.name, every)
		}
	}
}
