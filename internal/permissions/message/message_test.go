package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
)

func TestMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()
	cases := []message.Message{
		{Seen: 4096},
		{Missing: 2},
		{Placed: &handover.Placed{Name: "new\nline \xff.mp3", Entry: "new\nline \xff.again.mp3", SHA256: "00"}},
		{Stage: job.Pending},
		{IDs: &message.IDMaps{UID: "0 100000 65536\n", GID: "0 0 4294967295\n"}},
		{Summary: &ownership.Summary{Problems: []ownership.Problem{}}},
		{Summary: &ownership.Summary{Seen: 3, OwnersChanged: 2, ModesChanged: 1, Vanished: 1, Problems: []ownership.Problem{
			{Path: "new\nline \xff \"quoted\" ü", Reason: "operation not permitted"},
		}}},
	}
	for _, want := range cases {
		var wire bytes.Buffer
		if err := want.Say(&wire); err != nil {
			t.Fatal(err)
		}
		if strings.Count(wire.String(), "\n") != 1 {
			t.Errorf("more than one line: %q", wire.String())
		}
		got, err := message.Hear(wire.Bytes())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for _, line := range []string{"", "no JSON", `{"summary":{"problems":[{"path":"unquoted"}]}}`} {
		if got, err := message.Hear([]byte(line)); err == nil {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
}

func TestProblemsSurviveTheWire(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("writing \"n\xff\": %w", &fs.PathError{Op: "open", Path: "x\ny", Err: syscall.ENOSPC})
	var wire bytes.Buffer
	if err := (message.Message{Problem: message.ProblemOf(cause)}).Say(&wire); err != nil {
		t.Fatal(err)
	}
	m, err := message.Hear(wire.Bytes())
	if err != nil || m.Problem == nil {
		t.Fatal(m, err)
	}
	if got := fmt.Errorf("outside: %w", m.Problem); got.Error() != "outside: "+cause.Error() || !errors.Is(got, syscall.ENOSPC) || errors.Is(got, fs.ErrPermission) {
		t.Errorf("got %q, %q", got, m.Problem.Kinds)
	}
	var none *message.ProblemError
	if errors.Is(none, fs.ErrPermission) {
		t.Error("no problem is one of permissions")
	}
}

func TestOwnersOutside(t *testing.T) {
	t.Parallel()
	m := message.IDMaps{UID: "0 100000 65536\n", GID: "0 0 100\n"}
	if got, ok := m.Outside(ownership.Owner{UID: 1000, GID: 20}); !ok || got != (ownership.Owner{UID: 101000, GID: 20}) {
		t.Errorf("got %s, %v", got, ok)
	}
	if got, ok := m.Outside(ownership.Owner{UID: 1000, GID: 1000}); ok {
		t.Errorf("a group that is not mapped is %s", got)
	}
}
