package cli

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/dev/bench"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term/closest"
)

// The parts of the bench, in the order in which they are measured.
const (
	permissionsPart = "permissions"
	buildPart       = "build"
	spoolPart       = "spool"
	enginePart      = "engine"
)

func allParts() []string { return []string{permissionsPart, buildPart, spoolPart, enginePart} }

// benchParts are those that are measured.
type benchParts map[string]bool

// without is the flag that leaves one of them out.
func (parts benchParts) without(part string) string {
	var rest []string
	for _, name := range allParts() {
		if parts[name] && name != part {
			rest = append(rest, name)
		}
	}
	if len(rest) == 0 {
		rest = slices.DeleteFunc(allParts(), func(name string) bool { return name == part })
	}
	return "-only=" + strings.Join(rest, ",")
}

// parts reads the names of the parts.
func (o Bench) parts() (benchParts, error) {
	names := allParts()
	if o.Only != "" {
		names = strings.Split(o.Only, ",")
	}
	parts := make(benchParts)
	for _, name := range names {
		name = strings.TrimSpace(name)
		if !slices.Contains(allParts(), name) {
			return nil, exit.Errorf(exit.Unusable, "-only=%s: there is no part %q; the parts are %s%s",
				o.Only, name, strings.Join(allParts(), ", "), closest.Hint(name, allParts()))
		}
		parts[name] = true
	}
	return parts, nil
}

// check refuses what cannot be measured.
func (o Bench) check(parts benchParts) error {
	if o.Runs < 1 {
		return exit.Errorf(exit.Unusable, "-runs=%d: at least one run is needed", o.Runs)
	}
	for _, part := range allParts() {
		if !parts[part] {
			continue
		}
		if runtime.GOOS == "windows" {
			return exit.Errorf(exit.Unusable, "measuring: only Linux and macOS are measured")
		}
		if err := o.checkPart(part, parts); err != nil {
			return err
		}
	}
	return nil
}

func (o Bench) checkPart(part string, parts benchParts) error {
	switch {
	case part == permissionsPart:
		return o.checkPermissions(parts)
	case part == buildPart && (o.Modules < 1 || o.ModuleFiles < 1):
		return exit.Errorf(exit.Unusable, "-modules=%d -moduleFiles=%d: at least one module and one file are needed", o.Modules, o.ModuleFiles)
	case part == spoolPart && (o.Jobs < 1 || o.Workers < 1 || o.Waiting < 1):
		return exit.Errorf(exit.Unusable, "-jobs=%d -workers=%d -waiting=%d: at least one of each is needed", o.Jobs, o.Workers, o.Waiting)
	case part == enginePart:
		return o.checkSongs()
	}
	return nil
}

// mostSeconds is what the npm package can separate with 8 GB of memory.
const mostSeconds = 600

func (o Bench) checkSongs() error {
	if o.Seconds < 1 || o.Seconds > mostSeconds {
		return exit.Errorf(exit.Unusable, "-seconds=%d: the song must play for 1 to %d seconds", o.Seconds, mostSeconds)
	}
	_, err := o.lengths()
	return err
}

// lengths reads how long the songs are that show the worker's memory.
func (o Bench) lengths() (lengths []time.Duration, err error) {
	for text := range strings.SplitSeq(o.Lengths, ",") {
		length, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || length < time.Second || length > bench.LongestSong {
			return nil, exit.Errorf(exit.Unusable, "-lengths=%s: %q is no length from 1s to %s, such as 20s or 4m", o.Lengths, text, bench.LongestSong)
		}
		lengths = append(lengths, length)
	}
	return lengths, nil
}

func (o Bench) checkPermissions(parts benchParts) error {
	others := parts.without(permissionsPart)
	switch {
	case o.Files < 1 || o.Folders < 1 || o.Wide < 0:
		return exit.Errorf(exit.Unusable, "-files=%d -folders=%d -wide=%d: at least one file and folder are needed", o.Files, o.Folders, o.Wide)
	case runtime.GOOS != "linux":
		return exit.Errorf(exit.Unusable, "measuring how owners are set: only Linux is measured; the services' files are Linux's, too; \"mage bench %s\" measures the rest", others)
	case os.Geteuid() != 0:
		return exit.Errorf(exit.Unusable, "measuring how owners are set: it gives files to others, which only root may; \"sudo env PATH=$PATH mage bench\", or \"mage bench %s\" for the rest", others)
	}
	return nil
}
