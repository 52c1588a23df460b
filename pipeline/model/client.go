package model

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/im2-audio/im2/internal/exit"
)

const (
	// connectTimeout is how long each step of making a connection may take.
	connectTimeout = 15 * time.Second
	// largestBundle is more than any list of certificates has.
	largestBundle = 16 << 20
)

// errBundle is returned for a file that is no list of certificates.
var errBundle = errors.New("it holds no certificate in PEM form")

// newClient returns a client that trusts the system's certificates and those in the file
// bundle (unless ""), and uses the proxies that environ names. It has no timeout for the
// whole of a transfer, which may well take an hour.
func newClient(bundle string, environ []string) (*http.Client, error) {
	roots, err := trusted(bundle)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable,
			"reading the certificates that IM2_CA_BUNDLE names: %w; set it to a PEM file, or leave it out", err)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 proxies(environ),
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   connectTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // A tarball that a server calls "gzip-encoded" must stay one.
		ForceAttemptHTTP2:     true, // A TLSClientConfig of one's own would end that.
	}}, nil
}

// proxies does what http.ProxyFromEnvironment does, with the settings in force in place of the
// process environment alone: a proxy may stand in .env.local.
func proxies(environ []string) func(*http.Request) (*url.URL, error) {
	values := make(map[string]string)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	get := func(name string) string {
		if value := values[name]; value != "" {
			return value
		}
		return values[strings.ToLower(name)]
	}
	config := httpproxy.Config{HTTPProxy: get("HTTP_PROXY"), HTTPSProxy: get("HTTPS_PROXY"), NoProxy: get("NO_PROXY")}
	choose := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// trusted returns the certificates to trust; nil means the system's.
func trusted(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil // that is how tls.Config says "the system's"
	}
	info, err := os.Stat(bundle)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestBundle {
		return nil, &fs.PathError{Op: "read", Path: bundle, Err: errBundle}
	}
	pem, err := os.ReadFile(bundle) //nolint:gosec // a setting of the user's own
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // A system without certificates has the bundle.
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, &fs.PathError{Op: "read", Path: bundle, Err: errBundle}
	}
	return roots, nil
}

// connectError explains why there is no answer, or no more of it.
func connectError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return &temporaryError{errStalled}
	} else if cause != nil {
		return cause
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return untrusted
	}
	return &temporaryError{discreet(err)}
}

// discreetError is an error whose text repeats no credentials.
type discreetError struct {
	text string
	err  error
}

func (e *discreetError) Error() string { return e.text }
func (e *discreetError) Unwrap() error { return e.err }

// discreet returns err without the address that was asked, which may hold a password or a
// token, and without the user names and passwords of other addresses, such as a proxy's.
func discreet(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return &discreetError{text: withoutUserinfo(err.Error()), err: err}
}

// withoutUserinfo cuts "user:password@" out of every address in text.
func withoutUserinfo(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(after, "/?# \"")
		if end < 0 {
			end = len(after)
		}
		if at := strings.LastIndexByte(after[:end], '@'); at >= 0 {
			after = after[at+1:]
		}
		text = after
	}
}
