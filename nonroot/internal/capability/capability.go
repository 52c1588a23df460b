// Package capability says what each of the kernel's capabilities is worth to a service that must not
// be root. The audit judges cap_add by it, the proof what containers and processes hold.
//
// A process that is not root holds nothing of what cap_add names until it runs a program with a
// set-user-ID bit or file capabilities. It is judged as though it held all, since nobody reads
// every image for such programs.
package capability

import (
	"fmt"
	"strings"

	kernel "github.com/moby/sys/capability"
)

// Reach is how far a process gets with a capability.
type Reach string

// The reaches.
const (
	// Process is not beyond what the process may do anyway.
	Process Reach = ""
	// Container is what root can do in the container, and to the files that are mounted into it.
	Container Reach = "root's power in the container"
	// Machine is what root can do to the machine.
	Machine Reach = "root's power over the machine"
)

// Capability is one capability and what it is worth.
type Capability struct {
	// Name is upper case, without CAP_; ALL stands for all that the kernel has.
	Name string
	// Reach is how far it gets, Can what it permits.
	Reach Reach
	Can   string
}

// String is for messages.
func (c Capability) String() string {
	if c.Reach == Process {
		return fmt.Sprintf("%s is harmless (it can %s)", c.Name, c.Can)
	}
	return fmt.Sprintf("%s gives %s (it can %s)", c.Name, c.Reach, c.Can)
}

// Of returns what a capability of a Compose file or an engine is worth, however it is spelled
// (cap_chown, CHOWN, CAP_CHOWN). One that is not known is taken for the worst.
func Of(text string) Capability {
	name := Name(text)
	if name == "ALL" {
		return Capability{Name: name, Reach: Machine, Can: "do everything"}
	}
	for _, number := range kernel.ListKnown() {
		if c := known(number); c.Name == name {
			return c
		}
	}
	return Capability{Name: fmt.Sprintf("%q", name), Reach: Machine, Can: "do what is not known here"}
}

// Known are all capabilities, by their numbers.
func Known() []Capability {
	var all []Capability
	for _, number := range kernel.ListKnown() {
		all = append(all, known(number))
	}
	return all
}

func known(number kernel.Cap) Capability {
	reach, can := policy(number)
	return Capability{Name: strings.ToUpper(number.String()), Reach: reach, Can: can}
}

// policy is the table. Its sources are capabilities(7), the list of what moby's containers do not get
// by default, and "False Boundaries and Arbitrary Code Execution" (grsecurity, 2011), which shows a
// way to root for most of these.
func policy(number kernel.Cap) (Reach, string) { //nolint:funlen,gocyclo // a table
	switch number {
	case kernel.CAP_CHOWN:
		return Container, "take any file for itself"
	case kernel.CAP_DAC_OVERRIDE:
		return Container, "read and write any file"
	case kernel.CAP_DAC_READ_SEARCH:
		return Machine, "open any file of the machine by its number"
	case kernel.CAP_FOWNER:
		return Container, "change the mode of any file, also to set-user-ID"
	case kernel.CAP_FSETID:
		return Process, "keep set-user-ID bits of files that it writes"
	case kernel.CAP_KILL:
		return Process, "send signals to any process of the container"
	case kernel.CAP_SETGID:
		return Container, "join any group"
	case kernel.CAP_SETUID:
		return Container, "become any user"
	case kernel.CAP_SETPCAP:
		return Container, "hand on capabilities that it does not have itself"
	case kernel.CAP_LINUX_IMMUTABLE:
		return Process, "mark files as immutable"
	case kernel.CAP_NET_BIND_SERVICE:
		return Process, "listen on ports below 1024"
	case kernel.CAP_NET_BROADCAST:
		return Process, "do nothing: the kernel does not use it"
	case kernel.CAP_NET_ADMIN:
		return Machine, "change interfaces, routes and the firewall"
	case kernel.CAP_NET_RAW:
		return Process, "send raw packets"
	case kernel.CAP_IPC_LOCK:
		return Process, "lock memory"
	case kernel.CAP_IPC_OWNER:
		return Process, "use any shared memory of the container"
	case kernel.CAP_SYS_MODULE:
		return Machine, "load modules into the kernel"
	case kernel.CAP_SYS_RAWIO:
		return Machine, "read and write the machine's memory and devices"
	case kernel.CAP_SYS_CHROOT:
		return Process, "change its root folder"
	case kernel.CAP_SYS_PTRACE:
		return Machine, "control other processes"
	case kernel.CAP_SYS_PACCT:
		return Process, "switch accounting of processes on and off"
	case kernel.CAP_SYS_ADMIN:
		return Machine, "mount file systems, enter namespaces and much more"
	case kernel.CAP_SYS_BOOT:
		return Machine, "restart the machine, or load another kernel"
	case kernel.CAP_SYS_NICE:
		return Process, "change priorities of processes"
	case kernel.CAP_SYS_RESOURCE:
		return Process, "exceed limits of resources"
	case kernel.CAP_SYS_TIME:
		return Machine, "set the machine's clock"
	case kernel.CAP_SYS_TTY_CONFIG:
		return Process, "configure terminals"
	case kernel.CAP_MKNOD:
		return Machine, "make device files, the disks' among them"
	case kernel.CAP_LEASE:
		return Process, "take leases on files"
	case kernel.CAP_AUDIT_WRITE:
		return Process, "write to the kernel's audit log"
	case kernel.CAP_AUDIT_CONTROL:
		return Process, "change what the kernel's audit log records"
	case kernel.CAP_SETFCAP:
		return Container, "give files any capability"
	case kernel.CAP_MAC_OVERRIDE:
		return Machine, "ignore mandatory access control"
	case kernel.CAP_MAC_ADMIN:
		return Machine, "change mandatory access control"
	case kernel.CAP_SYSLOG:
		return Machine, "read the kernel's log and addresses"
	case kernel.CAP_WAKE_ALARM:
		return Process, "wake the machine"
	case kernel.CAP_BLOCK_SUSPEND:
		return Process, "keep the machine awake"
	case kernel.CAP_AUDIT_READ:
		return Process, "read the kernel's audit log"
	case kernel.CAP_PERFMON:
		return Machine, "observe the kernel and all processes"
	case kernel.CAP_BPF:
		return Machine, "load programs into the kernel"
	case kernel.CAP_CHECKPOINT_RESTORE:
		return Process, "choose the numbers of new processes"
	}
	return Machine, "do what is not known here"
}
