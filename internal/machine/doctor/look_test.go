package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// open opens a project of these files.
func open(t *testing.T, files map[string]string) *project.Project {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPortsAreTriedAndTheirHolderIsNamed(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("skipped: no sockets here: %v", err)
	}
	number := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	text := "services: {web: {image: x, ports: ['127.0.0.1:" + number + ":80']}, db: {image: x, ports: ['80', '9000-9001:80']}}\n"
	f := &facts{project: open(t, map[string]string{"docker-compose.yml": text})}
	want := "process " + strconv.Itoa(os.Getpid())
	if runtime.GOOS != "linux" {
		want = ""
	}
	expect(t, "held", checkPorts(t.Context(), nil, f), Fail, "127.0.0.1:"+number+"/tcp of web is held by", want)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, "free", checkPorts(t.Context(), nil, f), OK, "1 port, none in use")
	expect(t, "none", checkPorts(t.Context(), nil, &facts{project: open(t, map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"})}), OK, "publishes none")
}

func TestUDPIsAnotherPort(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("skipped: no sockets here: %v", err)
	}
	defer func() { _ = l.Close() }() // only listened
	p := port{"web", "127.0.0.1", "udp", l.LocalAddr().(*net.UDPAddr).Port}
	if free, err := tryPort(t.Context(), p); free || err != nil {
		t.Errorf("%v, %v", free, err)
	}
	p.protocol = "tcp"
	if free, err := tryPort(t.Context(), p); !free || err != nil {
		t.Errorf("tcp: %v, %v", free, err)
	}
}

// The worker counts, also where another service reserves more.
func TestHeaviestIsTheWorker(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"demucs 3 8 true": "{big: {image: x, mem_reservation: 9g}, demucs: {image: x, mem_reservation: 6g, mem_limit: 8g, scale: 3}, z: {image: x, mem_reservation: 7g}}",
		"db 1 2 true":     "{db: {image: x, mem_reservation: 2g, deploy: {resources: {limits: {memory: 2g}}}}, web: {image: x, mem_reservation: 1g}}",
		" 1 0 false":      "{db: {image: x, mem_limit: 2g}}",
	} {
		s, need, known := heaviest(open(t, map[string]string{"docker-compose.yml": "services: " + text + "\n"}))
		if got := fmt.Sprint(need.Service, " ", s.GetScale(), " ", limitOf(s)>>30, " ", known); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLimitsThatTheEngineDoesNotKeep(t *testing.T) {
	t.Parallel()
	none, both := engine.Server{}, engine.Server{MemoryLimit: true, PidsLimit: true}
	for _, c := range []struct {
		services string
		server   engine.Server
		level    Result
		part     string
	}{
		{"{a: {image: x}, b: {image: x, mem_limit: 1g, pids_limit: 9}}", none, Warn, "enough; limits of memory and processes are asked for"},
		{"{a: {image: x, deploy: {resources: {limits: {pids: 9}}}}}", engine.Server{MemoryLimit: true}, Warn, "limits of processes are"},
		{"{a: {image: x, mem_limit: 1g, pids_limit: 9}}", both, OK, "enough"},
		{"{a: {image: x, pids_limit: -1}}", none, OK, "enough"},
	} {
		p := open(t, map[string]string{"docker-compose.yml": "services: " + c.services + "\n"})
		expect(t, c.services, inForce(ok("enough"), p, c.server), c.level, c.part)
	}
}

func TestBasesAreThoseThatServicesAskFor(t *testing.T) {
	t.Parallel()
	p := open(t, map[string]string{".env": "BASE_IMAGE=env:1\n", "docker-compose.yml": `services:
  a: {build: {context: ., args: {BASE_IMAGE: "x:1"}}}
  b: {build: {context: ., args: [BASE_IMAGE]}}
  c: {build: {context: ., args: {OTHER: "y:1"}}}
  d: {image: z}
  e: {build: {context: ., args: {BASE_IMAGE: "x:1"}}}
`})
	if got := strings.Join(bases(p), " "); got != "env:1 x:1" {
		t.Errorf("got %s", got)
	}
}

func TestCertificatesAreCountedByWhetherTheyAreValid(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var text []byte
	for _, end := range []time.Duration{time.Hour, -time.Hour, 2 * time.Hour} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-3 * time.Hour), NotAfter: now.Add(end)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})...)
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})...)
	path := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if good, old, err := certificates(path, now); good != 2 || old != 2 || err != nil {
		t.Errorf("%d valid, %d not, %v", good, old, err)
	}
	if _, _, err := certificates(path+"x", now); err == nil {
		t.Error("what is not there is read")
	}
}

func TestScratchGoesWhereThisUserMayWrite(t *testing.T) {
	t.Parallel()
	p := open(t, map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"})
	p.Data = filepath.Join(p.Root, "data") // not there yet
	made, err := newScratch(p)
	if err != nil || made.where != p.Root || made.mount != filepath.Join(p.Root, made.name) || made.inside != mountedAt {
		t.Fatalf("%+v, %v", made, err)
	}
	if info, err := os.Stat(made.mount); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o777) {
		t.Errorf("%v, %v", info, err)
	}
	made.remove()
	if left, err := filepath.Glob(filepath.Join(p.Root, ".im2-doctor-*")); err != nil || len(left) > 0 {
		t.Errorf("%q stays, %v", left, err)
	}
	if err := os.Mkdir(p.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(p.Data, ".im2-doctor-1")
	for _, path := range []string{stale, filepath.Join(p.Data, ".im2-doctor-2"), filepath.Join(p.Data, "im2-doctor-3")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(stale, probe.FromHost), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * staleAfter)
	for _, path := range []string{stale, filepath.Join(p.Data, "im2-doctor-3")} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if made, err = newScratch(p); err != nil || made.where != p.Data || made.mount != p.Data || made.inside != mountedAt+"/"+made.name {
		t.Fatalf("%+v, %v", made, err)
	}
	defer made.remove()
	names, err := filepath.Glob(filepath.Join(p.Data, "*im2-doctor-[123]"))
	if err != nil || len(names) != 2 {
		t.Errorf("%q are there, %v", names, err)
	}
	own, err := made.writeOwn()
	if err != nil || own.off.by.Abs() > time.Second {
		t.Errorf("%+v, %v", own, err)
	}
}

// Space needs no engine, and no data folder either.
func TestSpaceHasAKind(t *testing.T) {
	t.Parallel()
	a := checkSpace(t.Context(), nil, &facts{project: open(t, map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"})})
	if !strings.Contains(a.detail, "free on ") || (runtime.GOOS == "linux" && strings.Contains(a.detail, "unknown")) {
		t.Errorf("%+v", a)
	}
}

// What was found is no error, an interrupt is.
func TestRunWithoutAnything(t *testing.T) {
	t.Parallel()
	ui, _, _ := term.Test()
	d := &Doctor{Root: t.TempDir(), Home: t.TempDir(), UI: ui, Runner: run.Local{}, Environ: []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}}
	r, err := d.Run(t.Context(), []string{dataCheck, settingsCheck})
	if err != nil || levels(r.Checks) != "settings ok, compose-file fail, data skip compose-file" || r.Result != Fail {
		t.Errorf("%v, %+v", err, r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Run(ctx, []string{settingsCheck}); err == nil {
		t.Error("an interrupt is no error")
	}
}
