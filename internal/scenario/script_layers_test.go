package scenario_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdNoLayer fails when a text is anywhere in an image: in a file of any layer, also one
// that a later layer deletes, in the name of a file, in the history, a label or a
// variable. With !, when it is nowhere: so that a script can prove that it looks.
func cmdNoLayer(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || args[1] == "" {
		ts.Fatalf("usage: [!] nolayer IMAGE TEXT")
	}
	save := exec.Command("docker", "image", "save", args[0])
	var stderr bytes.Buffer
	save.Stderr = &stderr
	out, err := save.StdoutPipe()
	ts.Check(err)
	ts.Check(save.Start())
	parts, where, err := searchImage(out, []byte(args[1]))
	if err := errors.Join(err, save.Wait()); err != nil {
		ts.Fatalf("saving image %s: %v: %s", args[0], err, stderr.String())
	}
	if parts < 2 {
		ts.Fatalf("image %s has only %d parts: no image", args[0], parts)
	}
	if found := len(where) > 0; found != neg {
		ts.Fatalf("%q in image %s: found in %d of %d parts: %q", args[1], args[0], len(where), parts, where)
	}
}

// searchImage looks into every part of a saved image: layers and descriptions.
func searchImage(saved io.Reader, text []byte) (parts int, where []string, err error) {
	image := tar.NewReader(saved)
	for {
		header, err := image.Next()
		if errors.Is(err, io.EOF) {
			return parts, where, nil
		}
		if err != nil {
			return parts, where, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		parts++
		found, err := contains(image, text)
		if err != nil {
			return parts, where, err
		}
		if found {
			where = append(where, header.Name)
		}
	}
}

// contains searches a part as it is unpacked. A layer is a tar archive, in which names and
// contents stand as they are.
func contains(part io.Reader, text []byte) (bool, error) {
	in := bufio.NewReaderSize(part, 1<<20)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return false, err
		}
		in = bufio.NewReaderSize(unpacked, 1<<20)
	}
	buf := make([]byte, 1<<20)
	kept := 0 // the end of the last piece: the text may lie across two
	for {
		n, err := in.Read(buf[kept:])
		piece := buf[:kept+n]
		if bytes.Contains(piece, text) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(buf, piece[max(0, len(piece)-len(text)+1):])
	}
}

// cmdCompose runs Compose, the one that the targets use, in the script's folder.
func cmdCompose(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: compose ARG [ARG ...]")
	}
	program, args := "docker", append([]string{"compose"}, args...)
	if own, _ := filepath.Glob(filepath.Join(ts.Getenv("CHECKOUT"), ".im2", "tools", "docker-compose-*")); len(own) > 0 {
		program, args = own[len(own)-1], args[1:]
	}
	ts.Check(ts.Exec(program, args...))
}

// cmdBundle writes this machine's certificates and one of nobody into a file, and sets
// $MARKER to a line that only the latter has.
func cmdBundle(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "bundle FILE")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "IM2 test, trusted by nobody"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	lines := strings.Split(string(own), "\n")
	ts.Setenv("MARKER", lines[len(lines)-4]) // of the signature: the lines before may be alike
	var host []byte
	for _, path := range []string{ts.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if host, err = os.ReadFile(path); err == nil {
			break
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(append(host, '\n'), own...), 0o600))
}

// cmdRegistry serves an empty image registry as $REGISTRY until the script ends, in the network of the script's own
// engine if it has started one. Every request is a line in LOG, so that a script can prove that there was none.
func cmdRegistry(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "registry LOG")
	path := ts.MkAbs(args[0])
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			_, _ = log.WriteString(r.Method + " " + r.URL.Path + "\n")
			_ = log.Close()
		}
		images.ServeHTTP(w, r)
	}))
	listener, err := listenForEngine(ts)
	ts.Check(err)
	if listener != nil {
		ts.Check(server.Listener.Close())
		server.Listener = listener
	}
	server.Start()
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
}
