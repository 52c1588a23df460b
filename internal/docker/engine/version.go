package engine

import (
	"github.com/Masterminds/semver/v3"
)

// AtLeast reports whether version is least or newer. Suffixes count for nothing:
// "20.10.24+dfsg1" and "2.40.3-desktop.1" are what their numbers say. What is no
// version ("" for a plugin that is not there) is never new enough.
func AtLeast(version, least string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	core := semver.New(v.Major(), v.Minor(), v.Patch(), "", "")
	return core.Compare(semver.MustParse(least)) >= 0
}
