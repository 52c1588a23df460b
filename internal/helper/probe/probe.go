// Package probe is what "mage verify" does inside of a container: it looks around, and
// leaves, takes and removes canaries. The command probe runs it there, so it needs nothing of
// the image: no shell, no id, no touch.
package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/im2-audio/im2/internal/idmap"
)

// Prefix begins the name of everything that is made in other people's folders: no service
// takes what begins with a dot, and what a killed run left is known by it.
const Prefix = ".im2-verify-"

// Sight is what there is to be seen from inside of a container.
type Sight struct {
	// Self is the text of /proc/self/status: who an exec without -u is.
	Self string `json:"self"`
	// UIDMap and GIDMap are the texts of its user namespace's tables, as the namespace above has them.
	UIDMap string `json:"uid_map"`
	GIDMap string `json:"gid_map"`
	// Others are the statuses of the threads of all other processes in sight (see Threads).
	Others [][]string `json:"others"`
	// Writes are the attempts to write where nobody should.
	Writes []Write `json:"writes"`
}

// Write is one attempt to make a file in a folder.
type Write struct {
	Folder string `json:"folder"`
	// Made says that it could be made; it was removed at once.
	Made bool `json:"made"`
	// Reason says why not.
	Reason string `json:"reason,omitempty"`
	// Unclear says that the reason is none of who may write there, such as a full disk.
	Unclear bool `json:"unclear,omitempty"`
}

// Say writes an answer as one line.
func Say(w io.Writer, answer any) error {
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}

// Look looks around, and tries to write into the folders under a name of its own.
func Look(name string, folders []string) (Sight, error) {
	self, _, err := status("/proc/self/status")
	if err != nil {
		return Sight{}, fmt.Errorf("looking at this process: %w", err)
	}
	sight := Sight{Self: self, Others: others(os.Getpid())}
	if sight.UIDMap, sight.GIDMap, err = idmap.Self(); err != nil {
		return Sight{}, fmt.Errorf("reading which IDs of the machine those here are: %w", err)
	}
	for _, folder := range folders {
		sight.Writes = append(sight.Writes, try(folder, name))
	}
	return sight, nil
}

// others are the statuses of all processes but one. One that ends meanwhile is left out.
func others(self int) [][]string {
	found, _ := filepath.Glob("/proc/[0-9]*") // only a bad pattern fails
	var all [][]string
	for _, folder := range found {
		if filepath.Base(folder) == strconv.Itoa(self) {
			continue
		}
		if texts, err := Threads(folder); err == nil {
			all = append(all, texts)
		}
	}
	return all
}

// Threads reads the statuses of all threads of the process whose folder this is, its first one
// first. A thread that ends meanwhile is left out; a process that does is an error. Of a status, only the lines
// are there that say who a thread is and what it may do; and of further threads, only those that differ from those
// before. A process has as many threads as it likes.
func Threads(process string) ([]string, error) {
	first, _, err := status(filepath.Join(process, "status"))
	if err != nil {
		return nil, err
	}
	texts, seen := []string{first}, make(map[string]bool)
	found, _ := filepath.Glob(filepath.Join(process, "task", "[0-9]*", "status")) // only a bad pattern fails
	for _, path := range found {
		if filepath.Base(filepath.Dir(path)) == filepath.Base(process) {
			continue
		}
		if text, who, err := status(path); err == nil && !seen[who] {
			seen[who] = true
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// status reads the lines of a thread's status (proc_pid_status(5)) that matter. who are those by which threads can
// differ: not its ID, and of its state only whether it has ended.
func status(path string) (text, who string, err error) {
	whole, err := os.ReadFile(path) // the kernel's
	if err != nil {
		return "", "", err
	}
	var all, differ strings.Builder
	for line := range strings.Lines(string(whole)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "State":
			differ.WriteString(strconv.FormatBool(strings.HasPrefix(value, "\tZ")))
		case "Name", "Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			differ.WriteString(line)
		case "Pid":
		default:
			continue
		}
		all.WriteString(line)
	}
	return all.String(), differ.String(), nil
}

// try makes a file in a folder and removes it again.
func try(folder, name string) Write {
	path := filepath.Join(folder, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // whether that is possible is the question
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(path))
		if err != nil {
			return Write{Folder: folder, Made: true, Reason: err.Error()}
		}
		return Write{Folder: folder, Made: true}
	}
	var failed *os.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return Write{Folder: folder, Reason: err.Error(), Unclear: !refuses(err)}
}

// refuses reports whether an error of making a file says that this user cannot make it there: it
// may not, or there is no such folder.
func refuses(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
