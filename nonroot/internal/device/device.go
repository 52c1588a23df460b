// Package device knows the devices of Linux by which a process is as good as root on its machine, whoever its user is.
package device

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// kinds are these devices, with what can be done by one. Left out are those that are no more than themselves (sound, video,
// graphics, serial lines, CD drives, single USB devices, KVM), and those that want a capability that containers do not have (FUSE, TUN,
// device-mapper's control without CAP_SYS_ADMIN).
var kinds = []struct {
	can   string
	names func() *regexp.Regexp
	// numbers are "c" or "b" with the major number, and the minor ones; none means all. Those of NVMe controllers, UIO and some
	// others are given when the machine starts.
	numbers map[string][]int
}{
	{
		"has every device of the machine in it", pattern(`^(?:char)?$`), nil,
	},
	{
		"holds files of the machine, which can be read and written past all rights",
		pattern(`^(?:(?:sd|hd|vd|xvd|ubd)[a-z]+\d*|(?:nvme\d+(?:c\d+)?n|mmcblk|md|md_d|dm-|loop|nbd|rbd|drbd|bcache|zd|zram|pmem|ram|dasd[a-z]+|mtd|mtdblock|ubi|ubiblock)\d*(?:[_p.-]?\w+)*|root|(?:block|disk|mapper|md|zvol|drbd|raw|loop-control)(?:/.*)?)$`),
		map[string][]int{"b": nil, "c 90": nil},
	},
	{
		"controls disks, or reads and writes them with its commands",
		pattern(`^(?:nvme\d+|nvme-fabrics|ng\d+n\d+|sg\d+|st\d+|nst\d+|bsg(?:/.*)?|bus/scsi(?:/.*)?|megaraid_sas_ioctl_node|mpt\dctl|twa\d+|cciss(?:/.*)?)$`),
		map[string][]int{"c 21": nil},
	},
	{
		"is the machine's memory, or its ports, which reach all memory",
		pattern(`^(?:mem|kmem|port|kcore|oldmem|crash|fmem|uio\d+|vfio|vfio/noiommu-\d+)$`),
		map[string][]int{"c 1": {1, 2, 4}},
	},
	{
		"changes how the processor works, the kernel's entry among it",
		pattern(`^(?:cpu(?:/.*)?|msr\d+)$`),
		map[string][]int{"c 202": nil},
	},
	{
		"types, and reads what is typed, on the machine's keyboard",
		pattern(`^(?:uinput|uhid|input(?:/.*)?|misc/uinput|vhci)$`),
		map[string][]int{"c 10": {137, 223, 239}, "c 13": nil},
	},
	{
		"controls the whole machine from outside of its system",
		pattern(`^(?:ipmi\d+|ipmi/.*|ipmidev/.*|mei\d*)$`), nil,
	},
}

// pattern is compiled when it is first needed: every command would wait for it otherwise.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// Power says what can be done by a device of the machine; "" for no more than with that device.
func Power(name string) (can string) {
	name, below := strings.CutPrefix(path.Clean(name), "/dev")
	if !below || name != "" && name[0] != '/' {
		return ""
	}
	name = strings.TrimPrefix(name, "/")
	if number, ok := strings.CutPrefix(name, "char/"); ok {
		return Rule("c " + number)
	}
	for _, k := range kinds {
		if k.names().MatchString(name) {
			return k.can
		}
	}
	return ""
}

var ruleLine = regexp.MustCompile(`^\s*([abc])(?:\s+(\d+|\*):(\d+|\*))?`)

// Rule says what can be done by devices that a rule of the device cgroup allows, such as "c 1:* rwm"; "" for no more than
// with those.
func Rule(rule string) (can string) {
	m := ruleLine.FindStringSubmatch(rule)
	switch {
	case m == nil:
		return ""
	case m[1] == "a" || m[1] == "c" && m[2] == "*":
		return kinds[0].can
	}
	for _, k := range kinds {
		for major, minors := range k.numbers {
			if major != m[1] && major != m[1]+" "+m[2] {
				continue
			}
			if minors == nil || m[3] == "*" {
				return k.can
			}
			for _, minor := range minors {
				if strconv.Itoa(minor) == m[3] {
					return k.can
				}
			}
		}
	}
	return ""
}
