package capability_test

import (
	"math/bits"
	"strings"
	"testing"

	kernel "github.com/moby/sys/capability"

	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// TestEveryCapabilityIsKnown: the table has all that the library and this machine's kernel have,
// by their numbers.
func TestEveryCapabilityIsKnown(t *testing.T) {
	t.Parallel()
	all := capability.Known()
	for i, c := range all {
		if strings.Contains(c.Can, "not known") {
			t.Errorf("capability %d, %s, is not in the table", i, c.Name)
		}
		for _, text := range []string{c.Name, "CAP_" + c.Name, strings.ToLower("cap_" + c.Name)} {
			if got := capability.Of(text); got != c {
				t.Errorf("%s is %+v, want %+v", text, got, c)
			}
			if got := capability.SetOf([]string{text}); got != 1<<i {
				t.Errorf("%s is the set %x, want bit %d", text, uint64(got), i)
			}
		}
	}
	if last, err := kernel.LastCap(); err == nil && int(last) >= len(all) {
		t.Errorf("this kernel has capabilities up to %d, the table ends at %d", last, len(all)-1)
	}
}

// TestWhatIsNotKnownIsTheWorst: a kernel newer than the table must not look harmless.
func TestWhatIsNotKnownIsTheWorst(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ALL", "cap_all", "NEW\x1b[31m", ""} {
		if c := capability.Of(text); c.Reach != capability.Machine || strings.Contains(c.String(), "\x1b") {
			t.Errorf("%q is %+v", text, c)
		}
	}
	if capability.Set(1<<60).ToRoot() == 0 {
		t.Error("bit 60 is taken for harmless")
	}
	if got := capability.SetOf([]string{"KILL", "NET_RAW", "SYSLOG"}).ToRoot().String(); got != "SYSLOG" {
		t.Errorf("got %s", got)
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		add, drop  []string
		privileged bool
		want       string
	}{
		{"nothing", nil, []string{"all"}, false, "none"},
		{"exactly one", []string{"cap_net_bind_service"}, []string{"ALL"}, false, "NET_BIND_SERVICE"},
		{"one less", nil, []string{"CAP_CHOWN"}, false, "AUDIT_WRITE, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, NET_RAW, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT"},
		{"all", []string{"ALL"}, nil, false, "all"},
		{"all but one", []string{"ALL"}, []string{"ALL", "CHOWN"}, false, ""},
		{"privileged", nil, []string{"ALL"}, true, "all"},
	} {
		got := capability.Asked(c.add, c.drop, c.privileged)
		if c.want == "" {
			if bits.OnesCount64(uint64(got)) != 63 {
				t.Errorf("%s: %x", c.name, uint64(got))
			}
		} else if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := capability.Asked(nil, nil, false); got != 0xa80425fb { // what the kernel shows of such a container
		t.Errorf("the default is %x", uint64(got))
	}
	if got := capability.Set(1 << 60).String(); got != "an unknown one" {
		t.Errorf("got %q", got)
	}
}
