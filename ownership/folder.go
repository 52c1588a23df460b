package ownership

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Check returns a [RefusedError] for a folder that [Reset] refuses whoever asks, such as a system folder, or one that is not there.
func Check(folder string) error {
	_, err := checkFolder(folder)
	return err
}

// checkFolder is the rule about which folders may be reset. It returns the folder's path without
// symbolic links. Only the path's last part must not be a link: how one gets there is the operator's
// business.
func checkFolder(folder string) (string, error) {
	if folder == "" {
		return "", refused("choosing the folder to reset", "", ErrNotFolder, "none is named")
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return "", &RefusedError{Op: "finding the folder to reset", Err: err}
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return "", &RefusedError{Op: "opening the folder to reset", Err: err}
	}
	if !info.IsDir() {
		return "", &RefusedError{Op: "resetting", Subject: abs, Err: fmt.Errorf("%w; move it away, then try again", ErrNotFolder)}
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", &RefusedError{Op: "opening the folder to reset", Err: err}
	}
	path := filepath.Join(parent, filepath.Base(abs))
	if err := refuse(path); err != nil {
		return "", err
	}
	// The same folder under another name, such as a bind mount of it.
	for _, other := range []string{string(filepath.Separator), home()} {
		if there, err := os.Stat(other); err == nil && os.SameFile(info, there) {
			return "", protected(path, "it is the same folder as "+other)
		}
	}
	return path, nil
}

// refuse is the part of the rule that needs only the path.
func refuse(path string) error {
	path = filepath.Clean(path)
	at := strings.Split(strings.TrimPrefix(path, string(filepath.Separator)), string(filepath.Separator))
	switch {
	case filepath.Dir(path) == path:
		return protected(path, "it is the root of the file system")
	case !filepath.IsAbs(path) || filepath.Separator != '/':
		return nil
	case slices.Contains(systemTrees(), at[0]):
		return protected(path, "it is a system folder")
	case slices.Contains(systemFolders(), path):
		return protected(path, "it is a system folder")
	case len(at) == 2 && (at[0] == "home" || at[0] == "Users"): // also another user's, as under sudo
		return protected(path, "it is a home folder")
	}
	if rel, err := filepath.Rel(path, home()); err == nil && filepath.IsLocal(rel) {
		return protected(path, "your home folder "+home()+" is in it")
	}
	return nil
}

func protected(path, why string) error { return refused("resetting", path, ErrProtected, why) }

// home is the user's home folder, or a path that is no folder's where there is none.
func home() string {
	if h, err := os.UserHomeDir(); err == nil && filepath.IsAbs(h) {
		return filepath.Clean(h)
	}
	return filepath.Join(os.DevNull, "none")
}

// systemTrees are the folders in the root of which everything below is the system's.
func systemTrees() []string {
	return []string{"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "System", "Library", "Applications"}
}

// systemFolders are folders in which data may lie, but which are not data (hier(7)).
func systemFolders() []string {
	return []string{
		"/dev", "/home", "/lost+found", "/media", "/mnt", "/nix", "/opt", "/private", "/root", "/run", "/snap", "/srv",
		"/tmp", "/usr", "/var", "/Users", "/Volumes",
		"/dev/shm", "/run/lock", "/run/user",
		"/usr/bin", "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/sbin",
		"/usr/share", "/usr/src", "/usr/local/bin", "/usr/local/lib", "/usr/local/sbin",
		"/var/backups", "/var/cache", "/var/lib", "/var/lib/docker", "/var/log", "/var/mail", "/var/opt", "/var/run",
		"/var/spool", "/var/tmp", "/private/etc", "/private/tmp", "/private/var",
	}
}
