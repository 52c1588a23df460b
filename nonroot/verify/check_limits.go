package verify

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/nonroot"
)

// limits are what a service asks for, in bytes and processes; 0 for none.
func limits(s types.ServiceConfig) (memory, pids int64) {
	memory, pids = int64(s.MemLimit), s.PidsLimit
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		l := s.Deploy.Resources.Limits
		memory, pids = max(memory, int64(l.MemoryBytes)), max(pids, l.Pids)
	}
	return max(memory, 0), max(pids, 0)
}

// checkLimits checks that the limits of memory and processes that were asked for are in force. An engine without control
// groups, such as a rootless one without systemd, starts containers without them.
func checkLimits(w want, i inspected, around surroundings) Finding {
	pids := int64(0)
	if i.HostConfig.PidsLimit != nil {
		pids = *i.HostConfig.PidsLimit
	}
	var here, cannot, not []string
	for _, l := range []struct {
		asked, is int64
		can       bool
		text      string
	}{
		{w.memory, i.HostConfig.Memory, around.limitsMemory, "memory: " + humanize.IBytes(uint64(w.memory))},
		{w.pids, pids, around.limitsPids, english.Plural(int(w.pids), "process", "")},
	} {
		switch {
		case l.asked == 0:
		case !l.can:
			cannot = append(cannot, l.text)
		case l.is <= 0 || l.is > l.asked:
			not = append(not, l.text)
		default:
			here = append(here, l.text)
		}
	}
	switch {
	case len(not) > 0:
		f := found(Limits, nonroot.Error, ByEngine, "asked for, and not set: %s", strings.Join(not, ", "))
		return f.remedy(Recreate)
	case len(cannot) > 0:
		return found(Limits, nonroot.Warning, ByEngine, "asked for, and not in force: %s; this engine cannot limit them (a rootless one needs systemd and cgroup v2)",
			strings.Join(cannot, ", "))
	case len(here) == 0:
		return found(Limits, nonroot.OK, ByConfiguration, "none is asked for")
	}
	return found(Limits, nonroot.OK, ByEngine, "%s", strings.Join(here, ", "))
}
