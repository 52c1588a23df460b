package scenario_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"path/filepath"
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

// cmdUpload sends a file to the pages as the form there does, without a proxy. The answer must have a status and a text that matches.
func cmdUpload(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 4, "upload FILE URL STATUS PATTERN")
	body := new(bytes.Buffer)
	form := multipart.NewWriter(body)
	part, err := form.CreateFormFile("file", filepath.Base(args[0]))
	ts.Check(err)
	_, err = io.WriteString(part, ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(form.Close())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Post(args[1], form.FormDataContentType(), body)
	ts.Check(err)
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	_ = response.Body.Close()
	ts.Check(err)
	if strconv.Itoa(response.StatusCode) != args[2] || !regexp.MustCompile(args[3]).Match(text) {
		ts.Fatalf("%s: %d %s; want %s with %q", args[1], response.StatusCode, text, args[2], args[3])
	}
}
