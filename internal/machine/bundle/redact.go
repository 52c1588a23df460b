package bundle

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// redacted is what stands for a value that is not told.
const redacted = "[redacted]"

// A Redactor takes out of texts what may be a secret: values that are known, and what looks like one.
type Redactor struct {
	values   []string // the longest first
	replacer *strings.Replacer
}

const (
	// shortest is how long the value of a secret must be to be searched for: one of fewer characters is everywhere.
	shortest = 3
	// shortestOther is the same for a value of which only its place tells that it may be one.
	shortestOther = 6
)

// Secret adds a value that is a secret by its name or place, such as a password.
func (r *Redactor) Secret(value string) { r.add(value, shortest) }

// Value adds one that may be a secret, such as any variable of a service.
func (r *Redactor) Value(value string) {
	if strings.IndexFunc(value, func(c rune) bool { return !unicode.IsDigit(c) }) >= 0 { // a port, an ID
		r.add(value, shortestOther)
	}
}

// Named adds the value of a variable.
func (r *Redactor) Named(name, value string) {
	if isSecret(name) {
		r.Secret(value)
		return
	}
	r.Value(value)
}

// Inside adds what looks like a secret within a text, such as the password of a URL.
func (r *Redactor) Inside(text string) {
	for _, m := range userinfo().FindAllStringSubmatch(text, -1) {
		user, password, _ := strings.Cut(m[2], ":")
		for _, one := range []string{m[2], password, user} {
			if one == user && password != "" { // who it is, is no secret
				continue
			}
			r.Secret(one)
			if plain, err := url.PathUnescape(one); err == nil {
				r.Secret(plain)
			}
		}
	}
	for _, form := range []*regexp.Regexp{assigned(), flagged()} {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			r.Secret(strings.Trim(m[len(m)-1], "\\\"'"))
		}
	}
}

// add adds a value, each of its lines, and how they are written elsewhere.
func (r *Redactor) add(value string, least int) {
	all := append([]string{value}, strings.Split(value, "\n")...)
	for line := range strings.Lines(value) { // a file of settings
		if at := strings.IndexAny(line, ":="); at >= 0 && len(strings.TrimSpace(line[at+1:])) >= shortestOther {
			all = append(all, strings.Trim(line[at+1:], " \t\n\r\"'"))
		}
	}
	for _, one := range all {
		one = strings.TrimSpace(one)
		if len(one) < least || common[strings.ToLower(one)] {
			continue
		}
		r.values = append(r.values, one, url.QueryEscape(one), url.PathEscape(one), quoted(one), strings.ReplaceAll(one, "$", "$$"))
		if len(one) >= shortestOther {
			r.values = append(r.values, base64.StdEncoding.EncodeToString([]byte(one)), base64.RawURLEncoding.EncodeToString([]byte(one)))
		}
	}
	r.replacer = nil
}

// common are words that are no secret, whatever variable has them.
var common = map[string]bool{
	"true": true, "false": true, "yes": true, "none": true, "null": true, "info": true, "debug": true, "warn": true, "error": true,
	"local": true, "localhost": true, "production": true, "development": true, "default": true, "enabled": true, "disabled": true,
}

// quoted is a text as it is between the quotes of JSON.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always can be
	return strings.Trim(b.String(), "\"\n")
}

// secretName are names of variables and keys that have secrets.
var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|api_?key|access_?key|private|credential|auth|cookie|session|salt|dsn|jwt|webhook|licen[cs]e|signature|(^|_)(key|pin|url|uri|conn)`)

// isSecret reports whether a variable has a secret by its name. The working folder is none.
func isSecret(name string) bool {
	return secretName.MatchString(name) && name != "PWD" && name != "OLDPWD" && name != "SSH_AUTH_SOCK" && name != "XAUTHORITY"
}

// pattern is compiled when it is first needed: every command would wait for it otherwise.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// userinfo is a URL up to its host: whatever is before the last "@" of its authority.
var userinfo = pattern(`(?i)\b([a-z][a-z0-9+.-]*://)([^\s/?#"'<>]+)@`)

const secretWord = `(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?|authorization|cookie|sig(?:nature)?)` //nolint:gosec // words, no secret

// assigned is a value behind a name and "=" or ":", with its quotes, and flagged one behind a flag.
var (
	assigned = pattern(`(?i)(` + secretWord + `[\w.-]*\\?["']?[ \t]*[=:][ \t]*)(\\"(?:[^"\\]|\\[^"])*\\?"?|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"',;&\\]+)`)
	flagged  = pattern(`(?i)((?:^|[ \t])(?:--?[\w-]*` + secretWord + `|-u)[ \t]+)([^\s"',;&]+)`)
)

// assignment stands for what hideValue returns.
const assignment = "="

// looks are the forms of secrets, with what stands for each.
var looks = []struct {
	form func() *regexp.Regexp
	with string
}{
	{pattern(`(?s)-----BEGIN [^-]*PRIVATE KEY-----.*?(-----END [^-]*PRIVATE KEY-----|$)`), redacted},
	{userinfo, "${1}" + redacted + "@"},
	{pattern(`(?i)\b(bearer|basic|digest|token)\s+[a-z0-9._~+/=-]{8,}`), "${1} " + redacted},
	{assigned, assignment}, // see Text
	{flagged, "${1}" + redacted},
	{pattern(`\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?`), redacted},
	{pattern(`\b(A(KIA|SIA)[0-9A-Z]{16}|gh[a-z]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|sk-[\w-]{16,}|hf_\w{16,}|npm_\w{16,}|AIza[\w-]{30,})`), redacted},
	{pattern(`[A-Za-z0-9_+=-]{32,}`), ""}, // see random
}

// Text returns a text without secrets.
func (r *Redactor) Text(text string) string {
	if r.replacer == nil {
		slices.SortFunc(r.values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		var pairs []string
		for _, value := range slices.Compact(r.values) {
			pairs = append(pairs, value, redacted)
		}
		r.replacer = strings.NewReplacer(pairs...)
	}
	text = r.replacer.Replace(text)
	for _, l := range looks {
		switch l.with {
		case assignment:
			text = assigned().ReplaceAllStringFunc(text, hideValue)
		case "":
			text = l.form().ReplaceAllStringFunc(text, random)
		default:
			text = l.form().ReplaceAllString(text, l.with)
		}
	}
	return text
}

// hideValue hides the value of an assignment, and keeps its quotes: JSON stays JSON.
func hideValue(assignment string) string {
	m := assigned().FindStringSubmatch(assignment)
	quote := m[2][:len(m[2])-len(strings.TrimLeft(m[2], "\\\"'"))]
	return m[1] + quote + redacted + quote
}

// random hides a long word that is as mixed as a key. What is hexadecimal and as long as a digest, and IDs of containers, are told.
func random(word string) string {
	digits, letters := 0, 0
	for _, c := range word {
		switch {
		case unicode.IsDigit(c):
			digits++
		case unicode.IsLetter(c):
			letters++
		}
	}
	words := len(strings.FieldsFunc(word, func(c rune) bool { return c == '-' || c == '_' }))
	if digits < 4 || letters < 8 || len(word) < 10*words || digest.MatchString(word) { // the name of a container has short words
		return word
	}
	return redacted
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)
