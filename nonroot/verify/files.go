package verify

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// imageFiles is what is read of an image's file system.
type imageFiles struct {
	// Image is its ID, the digest of its contents. It is "" where it could not be looked into.
	Image string `json:"image"`
	// Setuid are the files that give those who run them another user, group or capability.
	Setuid []string `json:"setuid"`
	// Users and Groups are the texts of /etc/passwd and /etc/group.
	Users  string `json:"users"`
	Groups string `json:"groups"`
	// Why says why it could not be looked into.
	Why string `json:"-"`
}

func (f imageFiles) known() bool { return f.Image != "" }

const (
	setuidBit = 0o4000
	setgidBit = 0o2000
	// capabilityRecord is how an archive has a file's capabilities.
	capabilityRecord = "SCHILY.xattr.security.capability"
	// accountsRead is how much of /etc/passwd and /etc/group is read.
	accountsRead = 1 << 20
)

// readFiles reads an image's file system from an archive of it ("docker export"). Nothing of it
// is written anywhere, and nothing of it is run.
func readFiles(archive io.Reader) (imageFiles, error) {
	files := imageFiles{Setuid: []string{}}
	links := make(map[string][]string) // hard links, by what they lead to
	special := make(map[string]string)
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			files.Setuid = named(special, links)
			return files, nil
		}
		if err != nil {
			return imageFiles{}, fmt.Errorf("reading the image's files: %w", err)
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(h.Name, "./"), "/")
		switch h.Typeflag {
		case tar.TypeLink:
			to := "/" + strings.TrimPrefix(strings.TrimPrefix(h.Linkname, "./"), "/")
			links[to] = append(links[to], name)
		case tar.TypeReg:
			if what := gives(h); what != "" {
				special[name] = what
			}
			if err := files.account(name, r); err != nil {
				return imageFiles{}, fmt.Errorf("reading %s of the image: %w", name, err)
			}
		}
	}
}

// gives says what a file gives to those who run it; "" for nothing.
func gives(h *tar.Header) string {
	switch {
	case h.PAXRecords[capabilityRecord] != "":
		return "capabilities"
	case h.Mode&setuidBit != 0:
		return fmt.Sprintf("user %d", h.Uid)
	// Without the group's x bit it asks for mandatory locking, and gives nothing (inode(7)).
	case h.Mode&setgidBit != 0 && h.Mode&0o010 != 0:
		return fmt.Sprintf("group %d", h.Gid)
	}
	return ""
}

// account keeps the text of the files that name users and groups.
func (f *imageFiles) account(name string, r io.Reader) error {
	if name != "/etc/passwd" && name != "/etc/group" {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, accountsRead))
	if name == "/etc/passwd" {
		f.Users = string(text)
	} else {
		f.Groups = string(text)
	}
	return err
}

// named lists special files with what they give, each under all of its names.
func named(special map[string]string, links map[string][]string) []string {
	list := []string{}
	for name, what := range special {
		for _, n := range append([]string{name}, links[name]...) {
			list = append(list, n+" ("+what+")")
		}
	}
	slices.Sort(list)
	return list
}
