package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// mostAddress is how long the address of a page may be.
	mostAddress = 2048
	// mostHosts is how many further names there may be.
	mostHosts = 32
)

// here are the names of this machine, by which its own browser asks.
var here = []string{"localhost", "127.0.0.1", "::1"}

// policy lets a page load what comes from here, and nothing else: no script and no style in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

var crossOrigin = http.NewCrossOriginProtection()

// ParseHosts reads names of hosts, or addresses, with commas between them.
func ParseHosts(text string) ([]string, error) {
	var hosts []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		host := hostOf(name)
		if host == "" || strings.ContainsAny(host, "*/@ ") {
			return nil, fmt.Errorf("%.60q is not the name of a host, such as music.example.com", name)
		}
		hosts = append(hosts, host)
	}
	if len(hosts) > mostHosts {
		return nil, fmt.Errorf("more than %d names", mostHosts)
	}
	return hosts, nil
}

// hostOf returns the host that a Host header names, without its port, in small letters; "" if it names none.
func hostOf(header string) string {
	host := header
	if name, port, err := net.SplitHostPort(header); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return ""
		}
		host = name
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return ""
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// knows reports whether the pages may be asked for by this Host header. Any other page that a browser shows could otherwise
// have its own name lead here, and read what is here as its own (DNS rebinding).
func (s *Server) knows(header string) bool {
	host := hostOf(header)
	return slices.Contains(here, host) || slices.Contains(s.hosts, host)
}

// secure refuses what no page asks for, and tells browsers what pages may do.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy": "camera=(), microphone=(), geolocation=()",
		} {
			w.Header().Set(name, value)
		}
		if status, err := s.refusal(r); err != nil {
			if r.ContentLength != 0 {
				w.Header().Set("Connection", "close")
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) // Who sends on is not waited for.
			}
			if status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", s.allowed(r))
			}
			http.Error(w, err.Error(), status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// takes reports whether the address takes songs that a browser sends.
func (s *Server) takes(r *http.Request) bool { return s.uploads != nil && r.URL.Path == uploadPath }

// allowed are the methods of an address.
func (s *Server) allowed(r *http.Request) string {
	if s.takes(r) {
		return "GET, HEAD, POST"
	}
	return "GET, HEAD"
}

// refusal says why a request gets no answer; nil for one that does.
func (s *Server) refusal(r *http.Request) (status int, err error) {
	path := r.URL.Path
	switch {
	case r.Method == http.MethodPost && s.takes(r):
		return s.refusalOfPost(r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return http.StatusMethodNotAllowed, errors.New("there is nothing to be changed here")
	case !s.knows(r.Host):
		return http.StatusForbidden, unknownHost(r.Host)
	case r.ContentLength != 0:
		return http.StatusBadRequest, errors.New("a request has no body here")
	case len(r.RequestURI) > mostAddress:
		return http.StatusRequestURITooLong, fmt.Errorf("an address has at most %d bytes", mostAddress)
	case !strings.HasPrefix(path, "/"), strings.ContainsAny(path, "\\\x00"), strings.Contains(path, "//"),
		slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool { return part == "." || part == ".." }):
		return http.StatusNotFound, errors.New("there is no such page")
	}
	return 0, nil
}

func unknownHost(header string) error {
	return fmt.Errorf("these pages are not those of %.60q; fix: ask for http://localhost with their port, or add the name to WEB_HOSTS in .env.local and run \"mage up\"",
		printable(hostOf(header)))
}

// refusalOfPost is refusal for a request that changes something: it has to come from a page of this service, or from no page.
func (s *Server) refusalOfPost(r *http.Request) (status int, err error) {
	if !s.knows(r.Host) {
		return http.StatusForbidden, unknownHost(r.Host)
	}
	if err := crossOrigin.Check(r); err != nil {
		return http.StatusForbidden, errors.New("songs are sent from the pages of this service alone, not from those of another site")
	}
	return 0, nil
}
