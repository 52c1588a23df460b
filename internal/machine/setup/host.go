package setup

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Host is what setup has to know of the machine.
type Host struct {
	// OS is the operating system as Go calls it.
	OS string
	// Debian is true on Debian, Ubuntu and what is made from them.
	Debian bool
	// Root is true when this process may do everything.
	Root bool
	// Systemd is true when systemd is the machine's first process.
	Systemd bool
	// UID and GID are the IDs of the person: those of who called sudo where it was
	// used; empty for root itself and where there are none.
	UID, GID string
}

// ThisHost looks at the machine. getenv is asked for SUDO_UID and SUDO_GID.
func ThisHost(getenv func(string) string) Host {
	h := Host{OS: runtime.GOOS, Root: os.Geteuid() == 0}
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		h.Debian = debianLike(string(text))
	}
	// sd_booted(3): this folder is how systemd says that it runs the machine.
	if info, err := os.Lstat("/run/systemd/system"); err == nil {
		h.Systemd = info.IsDir()
	}
	if uid := os.Getuid(); uid >= 0 { // -1 on Windows
		h.UID, h.GID = strconv.Itoa(uid), strconv.Itoa(os.Getgid())
	}
	if h.Root {
		h.UID, h.GID = getenv("SUDO_UID"), getenv("SUDO_GID")
	}
	return h
}

func debianLike(release string) bool {
	for _, line := range strings.Split(release, "\n") {
		name, value, _ := strings.Cut(line, "=")
		if name != "ID" && name != "ID_LIKE" {
			continue
		}
		for _, id := range strings.Fields(strings.Trim(value, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return true
			}
		}
	}
	return false
}
