package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
)

// fake is an engine with one container, of which it says what it is told to.
type fake struct {
	inspects []string // one after the other; the last one again and again
	rows     string   // what "docker top" prints below its head
	earlier  []string // the same, one after the other, before rows
	sight    probe.Sight
	unlisted bool // the engine lists no processes
	endless  bool // our program says zeros without end
	took     int  // how much was taken of that
	ran      []string
}

// zeros writes until nobody takes it any more.
func (f *fake) zeros(stdout io.Writer) error {
	for text := make([]byte, 1<<16); ; f.took += len(text) {
		if _, err := stdout.Write(text); err != nil {
			return &CommandError{Args: []string{"exec"}, Err: err}
		}
		if f.took > 1<<30 {
			return errors.New("all was taken")
		}
	}
}

func (f *fake) Docker(_ context.Context, _ io.Reader, stdout io.Writer, args ...string) error {
	f.ran = append(f.ran, args[0])
	text := ""
	switch {
	case args[0] == "container":
		text = f.inspects[0]
		if len(f.inspects) > 1 {
			f.inspects = f.inspects[1:]
		}
	case args[0] == "top" && f.unlisted:
		return &CommandError{Args: args, Stderr: "Error response from daemon: no cgroup", Err: errors.New("exit status 1")}
	case args[0] == "exec" && f.endless:
		return f.zeros(stdout)
	case args[0] == "top":
		rows := f.rows
		if len(f.earlier) > 0 {
			rows, f.earlier = f.earlier[0], f.earlier[1:]
		}
		text = "PID UID GID COMMAND\n" + rows + "\n"
	case args[0] == "run":
		text = "0123456789abcdef\n"
	case args[0] == "exec" && args[3] == "look":
		return probe.Say(stdout, f.sight)
	}
	if stdout == nil {
		return nil
	}
	_, err := io.WriteString(stdout, text)
	return err
}

const plainContainer = `[{"Id": "0123456789abcdef", "State": {"Status": "running", "Running": true, "Pid": %d, "StartedAt": "2026-01-02T03:04:05Z"},
	"Config": {"User": "1000:1000"}, "HostConfig": {"CapDrop": ["ALL"], "ReadonlyRootfs": true, "SecurityOpt": ["no-new-privileges:true"]}}]`

func proverWith(t *testing.T, d Docker) *prover {
	t.Helper()
	return newProver(noServices(), Options{Docker: d, Proc: t.TempDir()})
}

// A check that passes a container of root is broken, whatever else it says.
func TestAControlThatPassesIsReported(t *testing.T) {
	t.Parallel()
	f := &fake{
		inspects: []string{fmt.Sprintf(plainContainer, 7)},
		rows:     "7 1000 1000",
		sight: probe.Sight{
			Self: status, Others: [][]string{{strings.ReplaceAll(status, "a80425fb", "00000000")}},
			Writes: []probe.Write{{Folder: "/", Reason: "read-only file system"}},
		},
	}
	p := proverWith(t, f)
	all, err := p.control(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("got %v, %v", all, err)
	}
	for _, finding := range all {
		if finding.Level != nonroot.Error || !strings.Contains(finding.Detail, "this check is broken") {
			t.Errorf("%+v", finding)
		}
	}
	if f.ran[len(f.ran)-1] != "rm" {
		t.Errorf("the container stays: %q", f.ran)
	}
}

const rootStatus = "Name:\tim2-verify\nState:\tS (sleeping)\nPid:\t1\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\nCapPrm:\t00000000a80425fb\n"

// A failure proves a check only if it is about root. On an engine that cannot list processes, "no process was seen"
// passed for it; there our program in the container sees them.
func TestTheControlFailsForRoot(t *testing.T) {
	t.Parallel()
	root := probe.Sight{Self: rootStatus, Others: [][]string{{rootStatus}}, Writes: []probe.Write{{Folder: "/", Made: true}}}
	for _, c := range []struct {
		name   string
		engine fake
		proven []Check
	}{
		{"seen inside", fake{unlisted: true, sight: root}, []Check{Users, Capabilities, ExecUser, SystemWrites}},
		{"listed by the engine alone", fake{rows: "7 0 0 hold", endless: true}, []Check{Users}},
		{"not seen at all", fake{unlisted: true, endless: true}, nil},
		{"another user's process", fake{rows: "7 1001 1001 hold", endless: true}, nil},
	} {
		c.engine.inspects = []string{strings.NewReplacer("1000:1000", "0:0", `"CapDrop": ["ALL"], `, "", `"ReadonlyRootfs": true`, `"ReadonlyRootfs": false`).Replace(fmt.Sprintf(plainContainer, 7))}
		all, err := proverWith(t, &c.engine).control(t.Context())
		if err != nil || len(all) != 4 {
			t.Fatalf("%s: %v, %v", c.name, all, err)
		}
		for _, f := range all {
			if (f.Level == nonroot.OK) != slices.Contains(c.proven, f.Check) {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
	}
}

// A service can exchange our program in its data folder, and "mage verify" took 1.7 GB of its answer.
func TestAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()
	f := &fake{inspects: []string{fmt.Sprintf(plainContainer, 7)}, rows: "7 1000 1000", endless: true}
	o, err := proverWith(t, f).observeOnce(t.Context(), container{id: "0123456789abcdef"}, "/data/probe")
	if err != nil || !o.steady || o.sight != nil || !strings.Contains(o.blind, "wrote more than 1.0 MiB") {
		t.Errorf("%+v, %v", o, err)
	}
	if f.took > 4*answerSize { // each command's
		t.Errorf("%d bytes were taken", f.took)
	}
}

// A health check that begins while verify looks is root's for a moment: it is looked at again. A process of root
// that only has such a name is found.
func TestProcessesThatAreBeingStarted(t *testing.T) {
	t.Parallel()
	const own = "7 1000 1000 server"
	for _, c := range []struct {
		name          string
		earlier       []string
		rows          string
		process, runs int
	}{
		{"a health check", []string{own + "\n8 0 0 runc:[2:INIT]", own + "\n8 0 0 exe"}, own + "\n8 1000 1000 wget", 2, 3},
		{"one that has ended", []string{own + "\n8 0 0 6"}, own, 1, 2},
		{"of the container", nil, own, 1, 1},
		{"root's", nil, own + "\n8 0 0 sh", 2, 1},
		{"root's, with a name that it gave itself", nil, own + "\n8 0 0 runc:[2:INIT]", 2, 2},
	} {
		f := &fake{inspects: []string{fmt.Sprintf(plainContainer, 7)}, rows: c.rows, earlier: c.earlier}
		p := proverWith(t, f)
		p.starts = again / 10 // one pause is longer
		if len(c.earlier) > 0 {
			p.starts = time.Minute
		}
		o, err := p.observeOnce(t.Context(), container{id: "0123456789abcdef"}, "/probe")
		tops := 0
		for _, command := range f.ran {
			if command == "top" {
				tops++
			}
		}
		if err != nil || !o.steady || len(o.processes) != c.process || tops != c.runs {
			t.Errorf("%s: %d processes, listed %d times, %+v, %v", c.name, len(o.processes), tops, o, err)
		}
	}
}

func TestJudgeControl(t *testing.T) {
	t.Parallel()
	for _, f := range checkControl([]Finding{{Check: Users, Level: nonroot.Error, root: true}, {Check: Capabilities, Level: nonroot.Error}, {Check: ExecUser, Level: nonroot.Warning}}) {
		if (f.Level == nonroot.OK) != (f.Check == Users) {
			t.Errorf("%+v", f)
		}
	}
	r := Report{Control: checkControl(nil)}
	if r.count(); r.Result != nonroot.Error || r.Failures != 4 {
		t.Errorf("a control that says nothing comes to %+v", r)
	}
}

// The process that was seen and the one that runs afterwards are two: nothing is claimed.
func TestARestartIsSeen(t *testing.T) {
	t.Parallel()
	gone := strings.Replace(fmt.Sprintf(plainContainer, 0), `"running", "Running": true`, `"exited", "Running": false, "ExitCode": 3`, 1)
	for _, c := range []struct {
		name   string
		after  string
		want   string
		steady bool
	}{
		{"the same run", fmt.Sprintf(plainContainer, 7), "", true},
		{"another process", fmt.Sprintf(plainContainer, 8), "it restarted while", false},
		{"another start", strings.Replace(fmt.Sprintf(plainContainer, 7), "03:04", "03:05", 1), "it restarted while", false},
		{"an end", gone, "it ended with exit code 3 while", false},
		{"not there any more", "[]", "it went away while", false},
	} {
		f := &fake{inspects: []string{fmt.Sprintf(plainContainer, 7), c.after}, rows: "7 1000 1000"}
		p := proverWith(t, f)
		l, err := p.observeOnce(t.Context(), container{id: "x"}, ProgramPath)
		if err != nil || l.steady != c.steady || !strings.Contains(l.unsteady, c.want) {
			t.Errorf("%s: %+v, %v", c.name, l.unsteady, err)
		}
	}
	f := &fake{inspects: []string{strings.Replace(fmt.Sprintf(plainContainer, 7), `"running"`, `"restarting"`, 1)}}
	if l, err := proverWith(t, f).observeOnce(t.Context(), container{id: "x"}, ProgramPath); err != nil || !strings.Contains(l.unsteady, "it was restarting") {
		t.Errorf("restarting: %q, %v", l.unsteady, err)
	}
	l := observation{unsteady: "it restarted", container: container{service: "a"}}
	service := newProver(noServices(), Options{}).service(t.Context(), l, surroundings{})
	if len(service.Checks) != 1 || service.Checks[0].Level != nonroot.Error {
		t.Errorf("what was not seen for sure is claimed: %+v", service)
	}
}

func TestAnInterruptEndsTheWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); err == nil {
		t.Error("it waited")
	}
}

// The engine's own word is all there is where its processes are elsewhere and no program of
// ours can look.
func TestProcessesOfAnotherMachine(t *testing.T) {
	t.Parallel()
	f := &fake{inspects: []string{fmt.Sprintf(plainContainer, 7)}, rows: "1 1000 1000"}
	p := proverWith(t, f)
	p.Proc = "/proc" // where 1 is another process
	l, err := p.observeOnce(t.Context(), container{id: "x"}, "")
	if err != nil || l.by != ByEngine || l.only == "" || l.blind == "" {
		t.Errorf("seen %s, %q, %q, %v", l.by, l.only, l.blind, err)
	}
}
