package proof

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Rights are what a process may do, as the kernel says.
type Rights struct {
	// UIDs and GIDs are the real, effective, saved and file system IDs.
	UIDs [4]int64 `json:"uids"`
	GIDs [4]int64 `json:"gids"`
	// Groups are the supplementary groups.
	Groups []int64 `json:"groups"`
	// The sets of capabilities(7).
	Effective   Set `json:"effective"`
	Permitted   Set `json:"permitted"`
	Inheritable Set `json:"inheritable"`
	Bounding    Set `json:"bounding"`
	Ambient     Set `json:"ambient"`
	// NoNewPrivs says that no program that it starts can have more rights.
	NoNewPrivs bool `json:"noNewPrivileges"`
	// Seccomp is 0 where system calls are not filtered, 1 in strict mode, 2 with a filter.
	Seccomp int `json:"seccomp"`
	// ReadOnlyRoot says that the root of its file system is mounted read-only.
	ReadOnlyRoot bool `json:"readOnlyRoot"`
}

// A Set is a set of capabilities; its text is that of /proc.
type Set uint64

// MarshalText writes it as /proc does.
func (s Set) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(s)), nil }

// UnmarshalText reads what /proc says.
func (s *Set) UnmarshalText(text []byte) error {
	bits, err := strconv.ParseUint(string(text), 16, 64)
	*s = Set(bits)
	return err
}

// OfThisProcess asks the kernel. It is an error where it does not say all of it, as before Linux 4.10.
func OfThisProcess() (Rights, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Rights{}, err
	}
	readOnly, err := readOnly("/")
	if err != nil {
		return Rights{}, err
	}
	r, err := parseStatus(string(status))
	r.ReadOnlyRoot = readOnly
	return r, err
}

// parseStatus reads the text of /proc/PID/status (proc_pid_status(5)).
func parseStatus(text string) (r Rights, err error) {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	var wrong []error
	field := func(name string, read func(value string) error) {
		value, there := fields[name]
		if !there {
			wrong = append(wrong, fmt.Errorf("the kernel does not say %s", name))
		} else if err := read(value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s %q: %w", name, value, err))
		}
	}
	for name, four := range map[string]*[4]int64{"Uid": &r.UIDs, "Gid": &r.GIDs} {
		field(name, func(value string) error {
			all, err := numbers(value)
			if err == nil && len(all) != len(four) {
				err = errors.New("four IDs were expected")
			}
			copy(four[:], all)
			return err
		})
	}
	field("Groups", func(value string) (err error) {
		r.Groups, err = numbers(value)
		return err
	})
	for _, c := range r.sets() {
		field(c.name, func(value string) error { return c.set.UnmarshalText([]byte(value)) })
	}
	field("NoNewPrivs", func(value string) (err error) {
		r.NoNewPrivs, err = strconv.ParseBool(value)
		return err
	})
	field("Seccomp", func(value string) (err error) {
		r.Seccomp, err = strconv.Atoi(value)
		return err
	})
	return r, errors.Join(wrong...)
}

func numbers(text string) ([]int64, error) {
	all := []int64{}
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

type namedSet struct {
	name, what string
	set        *Set
}

func (r *Rights) sets() []namedSet {
	return []namedSet{
		{"CapEff", "it has capabilities", &r.Effective},
		{"CapPrm", "it can give itself capabilities", &r.Permitted},
		{"CapInh", "files can give it capabilities", &r.Inheritable},
		{"CapBnd", "not all capabilities were dropped", &r.Bounding},
		{"CapAmb", "programs that it starts have capabilities", &r.Ambient},
	}
}

// A Problem is a right that a service must not have.
type Problem struct {
	// What is what was found.
	What string
	// Fix is what the Compose file has to say instead, or the manifest.
	Fix string
}

// Problems are what is wrong, the worst first; nil for a process that has no more rights than it should.
//
// All five sets of capabilities must be empty. Those in force are the effective ones, and a system call away are the
// permitted ones; the ambient ones go to the programs that it starts. The inheritable and the bounding set alone give
// nothing to a process that no new privileges can be given to. But they are empty where the engine drops all capabilities,
// so that one that is not says that the container was not started as it is meant to be.
func (r Rights) Problems() (all []Problem) {
	if slices.Contains(r.UIDs[:], 0) {
		all = append(all, Problem{"it runs as root: its real, effective, saved and file system UIDs are " + words(r.UIDs[:]), "a user other than 0"})
	}
	if slices.Contains(r.GIDs[:], 0) {
		all = append(all, Problem{"it runs in root's group: its real, effective, saved and file system GIDs are " + words(r.GIDs[:]), "a group other than 0"})
	}
	if slices.Contains(r.Groups, 0) {
		all = append(all, Problem{"it is in root's group: its supplementary groups are " + words(r.Groups), "no group 0 in group_add"})
	}
	dropped := false
	for _, c := range r.sets() {
		if *c.set == 0 {
			continue
		}
		p := Problem{What: fmt.Sprintf("%s (%s %016x)", c.what, c.name, uint64(*c.set))}
		if !dropped {
			p.Fix, dropped = "cap_drop: [ALL] and no cap_add", true
		}
		all = append(all, p)
	}
	if !r.NoNewPrivs {
		all = append(all, Problem{"programs that it starts can have more rights (NoNewPrivs 0)", `security_opt: ["no-new-privileges:true"]`})
	}
	if !r.ReadOnlyRoot {
		all = append(all, Problem{"its root file system is not mounted read-only", "read_only: true"})
	}
	return all
}

// Check returns nil for a process that has no more rights than it should. Otherwise the error says what is wrong, in one
// line, and what the Compose file has to say, for a service on engine.
func (r Rights) Check(engine string) error {
	var what, fixes []string
	for _, p := range r.Problems() {
		what = append(what, p.What)
		if p.Fix != "" {
			fixes = append(fixes, p.Fix)
		}
	}
	if len(what) == 0 {
		return nil
	}
	up, _ := starts(engine)
	return fmt.Errorf(`%s; fix: set %s for this service in docker-compose.yml, and run %q`, strings.Join(what, "; "), strings.Join(fixes, ", "), up)
}

func words(ids []int64) string { return strings.Trim(fmt.Sprint(ids), "[]") }
