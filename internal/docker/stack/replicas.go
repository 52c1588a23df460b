package stack

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// A Need is what each container of a service takes of the engine's machine.
type Need struct {
	// Service is the service's name.
	Service string
	// Memory is what the Compose file reserves for each container (mem_reservation, or
	// deploy.resources.reservations.memory), in bytes; 0 where it says nothing.
	Memory int64
	// Fixed says that the Compose file sets the number of containers itself (scale, or
	// deploy.replicas).
	Fixed bool
}

// NeedOf reads what a service needs.
func NeedOf(s types.ServiceConfig) Need {
	n := Need{Service: s.Name, Memory: int64(s.MemReservation), Fixed: s.Scale != nil}
	if s.Deploy == nil {
		return n
	}
	n.Fixed = n.Fixed || s.Deploy.Replicas != nil
	if r := s.Deploy.Resources.Reservations; n.Memory == 0 && r != nil {
		n.Memory = int64(r.MemoryBytes)
	}
	return n
}

// Most is how many of them the machine's memory holds; -1 where nothing is known of their need.
func (n Need) Most(has engine.Capacity) int {
	if n.Memory <= 0 {
		return -1
	}
	return int(has.Memory / n.Memory)
}

// Fitting is how many there should be where nobody says: as many as the memory holds, but no more
// than there are processors, since further ones would only wait for one; at least one. 0 means
// that it is left to the Compose file.
func (n Need) Fitting(has engine.Capacity) int {
	most := n.Most(has)
	if most < 0 || n.Fixed {
		return 0
	}
	return max(1, min(most, has.CPUs))
}

// Threads is how many threads each of so many containers should compute with, so that they share
// the processors: at least one.
func Threads(has engine.Capacity, containers int) int { return max(1, has.CPUs/max(1, containers)) }

// Check returns an error where the machine cannot hold so many.
func (n Need) Check(has engine.Capacity, replicas int) error {
	most := n.Most(has)
	if most < 0 || replicas <= most {
		return nil
	}
	name := n.Service + "="
	if n.Service == project.Worker {
		name = ""
	}
	code, fix := exit.Unusable, fmt.Sprintf("\"mage up -replicas=%s%d\" is the most that fits", name, most)
	if most == 0 {
		code, fix = exit.Missing, "give the engine's machine more memory (Docker Desktop: Settings, Resources)"
	}
	return exit.Errorf(code, "starting %d of %s: each needs %s of memory, and the engine's machine has %s in all; %s",
		replicas, n.Service, gibibytes(n.Memory), gibibytes(has.Memory), fix)
}

// Scalable returns why there cannot be so many containers of a service; nil if nothing is known against it.
func Scalable(s types.ServiceConfig, replicas int) error {
	if replicas > 1 && s.ContainerName != "" {
		return fmt.Errorf("service %s has the container_name %q, which only one container can have; fix: remove it from the Compose file", s.Name, s.ContainerName)
	}
	for _, port := range s.Ports {
		if has := portCount(port.Published); has > 0 && has < replicas {
			return fmt.Errorf("service %s publishes port %s, which is enough for %s; fix: give the Compose file a range, such as %q, or no host port",
				s.Name, port.Published, english.Plural(has, "container", ""), fmt.Sprintf("8000-%d:%d", 8000+replicas-1, port.Target))
		}
	}
	return nil
}

// portCount is how many ports a published port or range has; 0 where the engine chooses.
func portCount(published string) int {
	first, last, isRange := strings.Cut(published, "-")
	from, err := strconv.Atoi(first)
	if err != nil || from == 0 {
		return 0
	}
	to, err := strconv.Atoi(last)
	if !isRange || err != nil {
		return 1
	}
	return to - from + 1
}

func gibibytes(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
