package verify

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"

	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// process is what is known of one process.
type process struct {
	pid  string
	name string
	// parent is the process that started it, as /proc of the reader numbers it; "" where it was not seen.
	parent string
	// uids and gids are real, effective, saved and file system IDs, as its user namespace has
	// them; -1 for one that the namespace does not have.
	uids, gids []int64
	groups     []int64
	// caps are the sets, by their names in capabilities(7); nil where they were not seen.
	caps map[string]capability.Set
	// newPrivs is the bit of no_new_privs; -1 where it was not seen, as with old kernels.
	newPrivs int
	// seccomp is 0 for none, 1 strict, 2 filter; -1 where it was not seen.
	seccomp int
	// umask is the octal text; "" where it was not seen (before Linux 4.7).
	umask string
}

// capSets are the capability sets of a process, as its status names them and as people do.
var capSets = [][2]string{
	{"CapEff", "effective"},
	{"CapPrm", "permitted"},
	{"CapInh", "inheritable"},
	{"CapBnd", "bounding"},
	{"CapAmb", "ambient"},
}

// parseStatus reads the text of /proc/PID/status (proc_pid_status(5)). uid and gid translate an ID of
// the reader into one of the process' user namespace; nil where they are the same.
func parseStatus(text string, uid, gid func(int64) int64) (process, error) {
	p := process{newPrivs: -1, seccomp: -1, caps: make(map[string]capability.Set)}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	p.pid, p.name, p.umask, p.parent = fields["Pid"], fields["Name"], fields["Umask"], fields["PPid"]
	p.uids, p.gids, p.groups = numbers(fields["Uid"], uid), numbers(fields["Gid"], gid), numbers(fields["Groups"], gid)
	if len(p.uids) != 4 || len(p.gids) != 4 {
		return p, fmt.Errorf("the kernel's status of process %q has no IDs", p.pid)
	}
	for _, set := range capSets {
		if bits, err := strconv.ParseUint(fields[set[0]], 16, 64); err == nil {
			p.caps[set[1]] = capability.Set(bits)
		}
	}
	p.newPrivs, p.seccomp = small(fields["NoNewPrivs"]), small(fields["Seccomp"])
	return p, nil
}

// parseThreads reads the texts of all threads of a process: users, groups and capabilities are each
// thread's own (credentials(7), NOTES), and a process may go on without its first one. Threads that
// are alike are one; those that have ended are left out.
func parseThreads(texts []string, uid, gid func(int64) int64) ([]process, error) {
	var all []process
	for _, text := range texts {
		if !alive(text) {
			continue
		}
		one, err := parseStatus(text, uid, gid)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, one.alike) {
			all = append(all, one)
		}
	}
	return all, nil
}

// runtimeName is what processes are called that runc, crun or youki start: the runtime's own name, the number
// of the descriptor that it runs itself from, or the step that it is at.
var runtimeName = regexp.MustCompile(`^(runc|crun|youki|exe|[0-9]+|(runc|crun|youki):\[.*)$`)

// starting reports whether a process may be one that the runtime has not started yet.
func (p process) starting() bool { return runtimeName.MatchString(p.name) }

func (p process) alike(other process) bool {
	p.pid, p.name = other.pid, other.name
	return reflect.DeepEqual(p, other)
}

// small reads a number of one digit; -1 for anything else.
func small(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 9 {
		return n
	}
	return -1
}

func numbers(text string, translate func(int64) int64) []int64 {
	all := numeric(strings.Fields(text))
	for i := range all {
		if translate != nil {
			all[i] = translate(all[i])
		}
	}
	return all
}

// alive reports whether a status is not that of a thread that has ended: that still has its IDs, and
// does nothing.
func alive(text string) bool { return !strings.Contains(text, "\nState:\tZ") }

// idMap is a uid_map or gid_map (user_namespaces(7)): ID is inside, ParentID outside.
type idMap []user.IDMap

func parseMap(text string) idMap {
	m, _ := user.ParseIDMap(strings.NewReader(text)) // the kernel's; without one nothing has a translation
	return m
}

// inside translates an ID of this machine into one of the namespace; -1 where it has none.
func (m idMap) inside(id int64) int64 {
	for _, row := range m {
		if at := id - row.ParentID; at >= 0 && at < row.Count {
			return row.ID + at
		}
	}
	return -1
}

// insideOf is inside, but for root of this machine: that is root, whatever a process calls it in a
// namespace that it made itself.
func (m idMap) insideOf(id int64) int64 {
	if id == 0 {
		return 0
	}
	return m.inside(id)
}

func (m idMap) outside(id int64) int64 {
	for _, row := range m {
		if at := id - row.ID; at >= 0 && at < row.Count {
			return row.ParentID + at
		}
	}
	return -1
}
