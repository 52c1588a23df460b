package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/im2-audio/im2/internal/exit"
)

// longestName is what one label of a host's name may have (RFC 1035): other services find
// this one by its name.
const longestName = 63

// longestUser is useradd's limit (useradd(8), CAVEATS).
const longestUser = 32

var (
	// composeName is what the Compose specification's schema allows (services,
	// patternProperties).
	composeName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
	// imageName is one component of an image's name (distribution/reference, path-component).
	imageName = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)
	// userName is useradd's rule (useradd(8), CAVEATS) without the "$" at the end.
	userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
)

// CheckName says what keeps a name from being a service's, a folder's, a Go program's and an
// image's at once. Whether it is taken already is not looked at here.
func CheckName(name string) error {
	var why string
	switch {
	case name == "":
		why = "it is empty"
	case name == "." || name == ".." || strings.ContainsAny(name, `/\`):
		why = "it is a path; the folder is chosen for you"
	case strings.HasPrefix(name, "-"):
		why = "it begins with a hyphen, so it would be read as a flag; flags come after the name"
	case !composeName.MatchString(name):
		why = `Compose allows letters, digits, ".", "_" and "-" in the name of a service`
	case strings.ToLower(name) != name:
		why = "an image is named after it, and those names have no capital letters"
	case !imageName.MatchString(name):
		why = `an image is named after it, so it must begin and end with a letter or digit, with one ".", "_" or any "-" between two of them`
	case len(name) > longestName:
		why = fmt.Sprintf("it has %d characters; other services find it by its name on a network, and such names have at most %d", len(name), longestName)
	case slices.Contains([]string{"internal", "vendor", "testdata"}, name):
		why = "Go gives a folder of that name a meaning of its own, and programs in it are not found"
	case strings.HasSuffix(name, ".go"):
		why = "Go would take the folder for a file of source code"
	case name == "install":
		why = "the Dockerfile calls a program of that name after the service's own is there"
	default:
		// Also names that Windows keeps for devices.
		if err := module.CheckImportPath("modules/" + name); err != nil {
			why = "Go refuses it as the name of a folder: " + reason(err)
		}
	}
	if why == "" {
		return nil
	}
	return exit.Errorf(exit.Unusable, "making service %q: %s. A good name is %s (mage new %s)", name, why, goodName(name), goodName(name))
}

func reason(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+len(": "):]
}

func goodName(name string) string {
	words := regexp.MustCompile(`[a-z0-9]+`).FindAllString(strings.ToLower(name), -1)
	good := strings.Join(words, "-")
	if good == "" || good == name || len(good) > longestName || slices.Contains([]string{"internal", "vendor", "testdata", "install"}, good) ||
		module.CheckImportPath("modules/"+good) != nil {
		return "loudness"
	}
	return good
}

// CheckUser says what keeps a name from being that of the image's user.
func CheckUser(name string) error {
	var why string
	switch {
	case name == "":
		why = "it is empty"
	case name == "root":
		why = "nothing here is root"
	case strings.HasSuffix(name, "$") && userName.MatchString(strings.TrimSuffix(name, "$")):
		why = `a "$" at the end marks a machine's account, and a Dockerfile would take it for a variable`
	case !userName.MatchString(name):
		why = `useradd wants a lower-case letter or "_" first, then those, digits and "-"`
	case len(name) > longestUser:
		why = fmt.Sprintf("it has %d characters; useradd allows %d", len(name), longestUser)
	case slices.Contains(baseUsers, name):
		why = "Debian has a user of that name already, so useradd would fail"
	}
	if why == "" {
		return nil
	}
	return exit.Errorf(exit.Unusable, "making a service with -user=%q: %s. A good name is %s, or one like demucs", name, why, DefaultUser)
}

// baseUsers are the users of Debian's base-passwd, in every image of Debian, and those that its
// packages add most often.
var baseUsers = []string{
	"daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
	"list", "irc", "gnats", "_apt", "nobody", "messagebus", "sshd", "systemd-network", "systemd-resolve", "systemd-timesync",
}
