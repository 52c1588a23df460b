//go:build linux

package nfsrig_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/filestate"
)

const (
	// suite has a User-Mode Linux that boots and has NFS: those of Debian 12 and 13 do not.
	suite = "sid"
	// keptFor is how long a system that no test uses stays in the cache. The suite changes every day.
	keptFor = 30 * 24 * time.Hour
)

// wanted are the packages that the machines need. apt adds what these need, as though nothing was installed.
var wanted = []string{"user-mode-linux", "nfs-kernel-server", "kmod", "mount", "iproute2", "coreutils", "e2fsprogs", "procps", "dash"}

// system returns a folder that is the root folder of a machine. It is in the user's cache; if it is missing, Debian's
// packages are downloaded and unpacked into it. None is installed.
func system(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "im2")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(cache, "uml.lock"))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", fmt.Errorf("waiting for another download: %w", err)
	}
	defer func() { _ = lock.Close() }() // releases it
	sum := sha256.Sum256([]byte(strings.Join(wanted, " ") + initScript + modules))
	folder := filepath.Join(cache, "uml-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return folder, err
	}
	unfinished, remove, err := temporary(cache)
	if err != nil {
		return "", err
	}
	defer remove()
	root := filepath.Join(unfinished, "root")
	if err := download(ctx, unfinished); err != nil {
		return "", fmt.Errorf("downloading Debian's packages: %w", err)
	}
	if err := unpack(ctx, unfinished, root); err != nil {
		return "", fmt.Errorf("unpacking Debian's packages: %w", err)
	}
	filestate.RemoveOld(filepath.Join(cache, "uml-*"), keptFor)
	return folder, os.Rename(root, folder)
}

// download puts the packages into a folder below this one, from the mirror that this machine is configured for.
func download(ctx context.Context, folder string) error {
	mirror, err := output(ctx, nil, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian", "Component: main")
	if err != nil {
		return err
	}
	uri, _, _ := strings.Cut(mirror, "\n")
	if uri == "" {
		return errors.New(`no mirror of Debian is known; fix: run "sudo apt-get update" on Debian`)
	}
	list, conf := filepath.Join(folder, "sources.list"), filepath.Join(folder, "apt.conf")
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", uri, suite)
	text := fmt.Sprintf(`Dir::State %[1]q; Dir::State::status "/dev/null"; Dir::State::lists "lists"; Dir::Cache %[1]q;
Dir::Etc::SourceList %[2]q; Dir::Etc::SourceParts "/dev/null"; APT::Sandbox::User "root"; APT::Install-Recommends "false";`, folder, list)
	err = errors.Join(os.MkdirAll(filepath.Join(folder, "lists", "partial"), 0o755), os.MkdirAll(filepath.Join(folder, "archives", "partial"), 0o755),
		os.WriteFile(list, []byte(source), 0o644), os.WriteFile(conf, []byte(text), 0o644))
	if err != nil {
		return err
	}
	env := append(os.Environ(), "APT_CONFIG="+conf)
	if _, err := output(ctx, env, "apt-get", "-q", "update"); err != nil {
		return err
	}
	_, err = output(ctx, env, "apt-get", append([]string{"-q", "-y", "--download-only", "install"}, wanted...)...)
	return err
}

// initScript starts this program in a machine: the kernel knows its path in "rig".
const initScript = "#!/usr/bin/dash\nmount -t hostfs -o hostfs=\"$rig\" none /host\nexec /host/machine\n"

// modules has the clients read and write through the server: this kernel's nfsd offers layouts that lead to its own
// NFSv3, and some clients then wait for it for ever.
const modules = "install nfs_layout_flexfiles /bin/false\n"

// interpreter is the dynamic linker, as it is in the programs. The machine's kernel is one that runs on this machine,
// whose C library is too old for it.
const interpreter = "/lib64/ld-linux-x86-64.so.2"

func unpack(ctx context.Context, folder, root string) error {
	packages, err := filepath.Glob(filepath.Join(folder, "archives", "*.deb"))
	if err != nil {
		return err
	}
	for _, name := range []string{"proc", "sys", "dev", "run", "tmp", "data", "host", "mnt", "usr"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	for _, path := range packages {
		if _, err := output(ctx, nil, "dpkg-deb", "-x", path, root); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{
		"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "usr/lib/modules": "uml/modules", "etc/mtab": "/proc/mounts",
		"etc/exports": "/run/exports",
	} {
		_ = os.Remove(filepath.Join(root, link)) // a package may have it
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			return err
		}
	}
	kernel := filepath.Join(root, "usr/bin/linux.uml")
	text, err := os.ReadFile(kernel)
	if err != nil {
		return err
	}
	// A relative path is taken from the working folder.
	relative := append([]byte(strings.TrimPrefix(interpreter, "/")), 0)
	return errors.Join(os.WriteFile(kernel, bytes.Replace(text, []byte(interpreter), relative, 1), 0o755),
		os.WriteFile(filepath.Join(root, "usr/sbin/rig"), []byte(initScript), 0o755),
		os.WriteFile(filepath.Join(root, "etc/modprobe.d/rig.conf"), []byte(modules), 0o644),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/:/bin/sh\nim2:x:1000:1000::/:/bin/sh\n"), 0o644),
		os.WriteFile(filepath.Join(root, "etc/group"), []byte("root:x:0:\nim2:x:1000:\n"), 0o644))
}

// output returns what a command printed on this machine; its error has all that it said.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	var stdout, both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &both
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, both.String(), stdout.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}
