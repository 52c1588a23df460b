// Package capability says what each of the kernel's capabilities lets a service do that must not
// be root. The audit checks cap_add by it, the verification what containers and processes hold.
//
// A process that is not root holds nothing of what cap_add names until it runs a program with a
// set-user-ID bit or file capabilities. It is checked as though it held all, since no check reads
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

// Capability is one capability and what it permits.
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

// Of returns a capability of a Compose file or an engine, however it is spelled (cap_chown, CHOWN,
// CAP_CHOWN). One that is not known counts as the worst.
func Of(text string) Capability {
	name := Name(text)
	if name == "ALL" {
		return Capability{Name: name, Reach: Machine, Can: "do everything"}
	}
	for _, c := range Known() {
		if c.Name == name {
			return c
		}
	}
	return Capability{Name: fmt.Sprintf("%q", name), Reach: Machine, Can: unknown}
}

// Known are all capabilities, by their numbers.
func Known() []Capability {
	var all []Capability
	for _, number := range kernel.ListKnown() {
		c, ok := table[number]
		if !ok {
			c = Capability{Reach: Machine, Can: unknown}
		}
		c.Name = strings.ToUpper(number.String())
		all = append(all, c)
	}
	return all
}

const unknown = "do what is not known here"

// The sources of the table are capabilities(7), the list of what moby's containers do not get by default, and
// "False Boundaries and Arbitrary Code Execution" (grsecurity, 2011), which shows a way to root for most of these.
var table = map[kernel.Cap]Capability{
	kernel.CAP_CHOWN:              {Reach: Container, Can: "take any file for itself"},
	kernel.CAP_DAC_OVERRIDE:       {Reach: Container, Can: "read and write any file"},
	kernel.CAP_DAC_READ_SEARCH:    {Reach: Machine, Can: "open any file of the machine by its number"},
	kernel.CAP_FOWNER:             {Reach: Container, Can: "change the mode of any file, also to set-user-ID"},
	kernel.CAP_FSETID:             {Reach: Process, Can: "keep set-user-ID bits of files that it writes"},
	kernel.CAP_KILL:               {Reach: Process, Can: "send signals to any process of the container"},
	kernel.CAP_SETGID:             {Reach: Container, Can: "join any group"},
	kernel.CAP_SETUID:             {Reach: Container, Can: "become any user"},
	kernel.CAP_SETPCAP:            {Reach: Container, Can: "hand on capabilities that it does not have itself"},
	kernel.CAP_LINUX_IMMUTABLE:    {Reach: Process, Can: "mark files as immutable"},
	kernel.CAP_NET_BIND_SERVICE:   {Reach: Process, Can: "listen on ports below 1024"},
	kernel.CAP_NET_BROADCAST:      {Reach: Process, Can: "do nothing: the kernel does not use it"},
	kernel.CAP_NET_ADMIN:          {Reach: Machine, Can: "change interfaces, routes and the firewall"},
	kernel.CAP_NET_RAW:            {Reach: Process, Can: "send raw packets"},
	kernel.CAP_IPC_LOCK:           {Reach: Process, Can: "lock memory"},
	kernel.CAP_IPC_OWNER:          {Reach: Process, Can: "use any shared memory of the container"},
	kernel.CAP_SYS_MODULE:         {Reach: Machine, Can: "load modules into the kernel"},
	kernel.CAP_SYS_RAWIO:          {Reach: Machine, Can: "read and write the machine's memory and devices"},
	kernel.CAP_SYS_CHROOT:         {Reach: Process, Can: "change its root folder"},
	kernel.CAP_SYS_PTRACE:         {Reach: Machine, Can: "control other processes"},
	kernel.CAP_SYS_PACCT:          {Reach: Process, Can: "switch accounting of processes on and off"},
	kernel.CAP_SYS_ADMIN:          {Reach: Machine, Can: "mount file systems, enter namespaces and much more"},
	kernel.CAP_SYS_BOOT:           {Reach: Machine, Can: "restart the machine, or load another kernel"},
	kernel.CAP_SYS_NICE:           {Reach: Process, Can: "change priorities of processes"},
	kernel.CAP_SYS_RESOURCE:       {Reach: Process, Can: "exceed limits of resources"},
	kernel.CAP_SYS_TIME:           {Reach: Machine, Can: "set the machine's clock"},
	kernel.CAP_SYS_TTY_CONFIG:     {Reach: Process, Can: "configure terminals"},
	kernel.CAP_MKNOD:              {Reach: Machine, Can: "make device files, the disks' among them"},
	kernel.CAP_LEASE:              {Reach: Process, Can: "take leases on files"},
	kernel.CAP_AUDIT_WRITE:        {Reach: Process, Can: "write to the kernel's audit log"},
	kernel.CAP_AUDIT_CONTROL:      {Reach: Process, Can: "change what the kernel's audit log records"},
	kernel.CAP_SETFCAP:            {Reach: Container, Can: "give files any capability"},
	kernel.CAP_MAC_OVERRIDE:       {Reach: Machine, Can: "ignore mandatory access control"},
	kernel.CAP_MAC_ADMIN:          {Reach: Machine, Can: "change mandatory access control"},
	kernel.CAP_SYSLOG:             {Reach: Machine, Can: "read the kernel's log and addresses"},
	kernel.CAP_WAKE_ALARM:         {Reach: Process, Can: "wake the machine"},
	kernel.CAP_BLOCK_SUSPEND:      {Reach: Process, Can: "keep the machine awake"},
	kernel.CAP_AUDIT_READ:         {Reach: Process, Can: "read the kernel's audit log"},
	kernel.CAP_PERFMON:            {Reach: Machine, Can: "observe the kernel and all processes"},
	kernel.CAP_BPF:                {Reach: Machine, Can: "load programs into the kernel"},
	kernel.CAP_CHECKPOINT_RESTORE: {Reach: Process, Can: "choose the numbers of new processes"},
}
