package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/run"
)

// defaultSocket is where the docker command looks for an engine when it is told nothing.
const defaultSocket = "/var/run/docker.sock"

// errNotFound is returned for what the engine does not have.
var errNotFound = errors.New("not found")

// socket is a way to ask the engine without starting the docker command, which takes ten
// milliseconds for each question. It is taken only for reading, and only where the docker
// command would speak to a Unix socket of this machine, too; whatever goes wrong on it, the
// command is asked instead and words the error.
type socket struct {
	http http.Client
	path string
}

// openSocket returns the socket that the docker command would use. It is nil if that is no Unix socket, or
// cannot be known: a docker command that is a script may do anything.
func openSocket(docker string, environ []string) *socket {
	path := endpoint(environ)
	if path == "" || isScript(docker) {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &socket{http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}, path}
}

// Sockets are the paths of the engine's socket on this machine, as it is named and with links
// resolved; none where the engine is reached in another way.
func (c *Client) Sockets() []string {
	if c.socket == nil {
		return nil
	}
	paths := []string{c.socket.path}
	if resolved, err := filepath.EvalSymlinks(c.socket.path); err == nil && resolved != c.socket.path {
		paths = append(paths, resolved)
	}
	return paths
}

// Remote reports whether the engine is reached over a network, so that it is on another
// machine as far as anybody can tell.
func (c *Client) Remote() bool {
	host := address(c.env)
	return strings.HasPrefix(host, "tcp://") || strings.HasPrefix(host, "ssh://") || strings.HasPrefix(host, "http")
}

// endpoint returns the path of the engine's socket as the docker command finds it: by DOCKER_HOST, else by the
// context of DOCKER_CONTEXT or of the configuration. It is "" for all but Unix sockets.
func endpoint(environ []string) string {
	path, ok := strings.CutPrefix(address(environ), "unix://")
	if !ok || !filepath.IsAbs(path) {
		return ""
	}
	return path
}

func address(environ []string) string {
	if host := run.Getenv(environ, "DOCKER_HOST"); host != "" {
		return host
	}
	if name := contextName(environ); name != "" && name != "default" {
		return contextHost(environ, name)
	}
	return "unix://" + defaultSocket
}

func contextName(environ []string) string {
	if name := run.Getenv(environ, "DOCKER_CONTEXT"); name != "" {
		return name
	}
	var config struct{ CurrentContext string }
	text, err := os.ReadFile(filepath.Join(userConfig(environ), "config.json"))
	if err == nil && json.Unmarshal(text, &config) != nil {
		return "\x00" // no context has this name: the command says what is wrong
	}
	return config.CurrentContext
}

// contextHost returns the address of a context. Its folder is named by the digest of its name (docker/cli,
// cli/context/store).
func contextHost(environ []string, name string) string {
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	text, err := os.ReadFile(filepath.Join(userConfig(environ), "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
	if err != nil || json.Unmarshal(text, &meta) != nil {
		return ""
	}
	return meta.Endpoints["docker"].Host
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }() // only read
	var start [2]byte
	_, err = io.ReadFull(f, start[:])
	return err != nil || string(start[:]) == "#!"
}

// get asks for a path of the Engine API, without a version: what is read here is the same in all of them.
func (s *socket) get(ctx context.Context, path string, answer any) error {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // only read
	switch response.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(response.Body).Decode(answer)
	case http.StatusNotFound:
		return errNotFound
	}
	return fmt.Errorf("the engine answered %s", response.Status)
}
