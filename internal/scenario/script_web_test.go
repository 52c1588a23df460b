package scenario_test

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPort sets a variable to a port of this machine that is free.
func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "free-port NAME")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// cmdHold holds a port of this machine until the script ends.
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "hold-port PORT")
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// cmdPage asks for a page, without a proxy, until it answers with a status and a text that matches, for at most ten seconds.
func cmdPage(ts *testscript.TestScript, neg bool, args []string) {
	host := ""
	if len(args) > 0 {
		if name, ok := strings.CutPrefix(args[0], "-host="); ok {
			host, args = name, args[1:]
		}
	}
	checkUsage(ts, neg, args, 3, "page [-host=NAME] URL STATUS PATTERN")
	want := regexp.MustCompile(args[2])
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	var got string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		request, err := http.NewRequest(http.MethodGet, args[0], nil)
		ts.Check(err)
		request.Host = host
		response, err := client.Do(request)
		if err != nil {
			got = err.Error()
			continue
		}
		text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		_ = response.Body.Close()
		ts.Check(err)
		if got = strconv.Itoa(response.StatusCode) + " " + string(text); strconv.Itoa(response.StatusCode) == args[1] && want.Match(text) {
			return
		}
	}
	ts.Fatalf("%s: %s; want %s with %q", args[0], got, args[1], want)
}
