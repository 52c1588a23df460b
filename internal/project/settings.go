package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/joho/godotenv"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/space"
)

// Names of the settings that the targets themselves read.
const (
	BaseImage    = "BASE_IMAGE"
	DemucsEngine = "DEMUCS_ENGINE"
	DemucsModel  = "DEMUCS_MODEL"
	// DemucsPrecision is what models are prepared in.
	DemucsPrecision = "DEMUCS_PRECISION"
	// DemucsProvider, DemucsMemory and DemucsThreads are how a separation is computed.
	DemucsProvider = "DEMUCS_PROVIDER"
	DemucsMemory   = "DEMUCS_MEMORY"
	DemucsThreads  = "DEMUCS_THREADS"
	CABundle       = "IM2_CA_BUNDLE"
	// DataID is the ID that the data folder must have; empty for the one that it has.
	DataID = proof.DataVariable
	// Replicas is how many containers services have, as SERVICE=NUMBER with commas; "mage up -replicas" writes it.
	Replicas = "IM2_REPLICAS"
	// Web is on or off: whether the service with the pages is started; "mage up -web" writes it.
	Web = "IM2_WEB"
	// WebUpload is on or off: whether songs can be put in with a browser; "mage up -webUpload" writes it. The Compose file is told
	// inputReadOnly, which follows from it: the service with the pages may write to the input folder only then.
	WebUpload     = "IM2_WEB_UPLOAD"
	inputReadOnly = "IM2_INPUT_READ_ONLY"
	// WebAddress is where the pages are on this machine, as IP:PORT; empty for the Compose file's own. WebHosts are further names of it.
	WebAddress = "WEB_ADDRESS"
	WebHosts   = "WEB_HOSTS"
	// defaultUID and defaultGID name the ID variables unless x-im2 names others.
	defaultUID = "APP_USER_ID"
	defaultGID = "APP_GROUP_ID"
)

// Files that hold settings, the stronger one first.
const (
	LocalFile = ".env.local"
	TeamFile  = ".env"
)

// Source says who set a value.
type Source string

// The sources, strongest first.
const (
	FromEnvironment Source = "environment"
	FromLocal       Source = LocalFile
	FromTeam        Source = TeamFile
	FromDefault     Source = "default"
)

// Setting is one value in force.
type Setting struct {
	// Name is the variable.
	Name string `json:"name"`
	// Value is what it is set to.
	Value string `json:"value"`
	// Source says who set it.
	Source Source `json:"source"`
	// Line is the line in the source where it is a file, from 1; otherwise 0.
	Line int `json:"line,omitempty"`
	// quoted says that the file has the value in quotes.
	quoted bool
}

// Where names the place that set the value, for messages: ".env:3" or "environment".
func (s Setting) Where() string {
	if s.Line > 0 {
		return fmt.Sprintf("%s:%d", s.Source, s.Line)
	}
	return "the " + string(s.Source)
}

// Settings are all values in force.
type Settings struct {
	// AppUser is the user that the services run as, checked.
	AppUser ownership.Owner
	// UIDName and GIDName are the variables that hold them.
	UIDName, GIDName string

	root    string   // absolute, links resolved
	present []string // the files that COMPOSE_FILE names and that are there, where others are missing; nil for all
	values  map[string]Setting
	environ []string
}

// ReadSettings resolves the settings of the project in root without its Compose file.
// The ID variables are the default ones and not yet checked.
func ReadSettings(root string, environ []string) (Settings, error) {
	return readSettings(root, environ, false)
}

// readSettings also accepts lines that only godotenv refuses, if it is lenient.
func readSettings(root string, environ []string, lenient bool) (Settings, error) {
	s, err := defaults(root, environ)
	if err != nil {
		return Settings{}, err
	}
	for _, source := range files {
		if err := s.readFile(source, lenient); err != nil {
			return Settings{}, err
		}
	}
	s.overlay()
	return s, nil
}

// files are the sources that are files, the weaker one first.
var files = []Source{FromTeam, FromLocal}

// overlay applies the process environment to the variables that have a value, and to those of the IDs.
func (s *Settings) overlay() {
	s.adopt(append(slices.Collect(maps.Keys(s.values)), defaultUID, defaultGID)...)
}

// adopt applies the process environment to these variables.
func (s *Settings) adopt(names ...string) {
	for _, name := range names {
		if value, set := run.Lookup(s.environ, name); set {
			s.values[name] = Setting{Name: name, Value: value, Source: FromEnvironment}
		}
	}
}

// defaults returns the settings of the project in root without any file.
func defaults(root string, environ []string) (Settings, error) {
	resolved, err := filepath.Abs(root)
	if err == nil {
		resolved, err = filepath.EvalSymlinks(resolved)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, exit.Errorf(exit.Unusable, "no project folder %s", root)
	}
	if err != nil {
		return Settings{}, exit.Errorf(exit.Unusable, "resolving the project folder %s: %w", root, err)
	}
	values := make(map[string]Setting)
	for _, f := range options.Fields { // What is empty the service decides.
		values[f.Setting] = Setting{Name: f.Setting, Source: FromDefault}
	}
	for name, value := range map[string]string{
		BaseImage:       "debian:trixie-slim",
		DemucsEngine:    "onnx",
		DemucsModel:     "htdemucs",
		DemucsPrecision: "fp32",
		DemucsProvider:  execution.CPU,
		DemucsMemory:    string(execution.Normal),
		DemucsThreads:   "",
		CABundle:        hostBundle(environ),
		DataID:          "",
		Replicas:        "",
		Web:             webOn,
		WebUpload:       webOff,

		lease.PollSetting:  "",
		lease.LeaseSetting: "",
		lease.RenewSetting: "",
		space.Setting:      "",
	} {
		values[name] = Setting{Name: name, Value: value, Source: FromDefault}
	}
	return Settings{UIDName: defaultUID, GIDName: defaultGID, root: resolved, values: values, environ: environ}, nil
}

func hostBundle(environ []string) string {
	for _, path := range []string{
		run.Getenv(environ, "SSL_CERT_FILE"), // what Go, OpenSSL and curl are told to use here
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // Alpine, macOS
	} {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// Get returns a setting; Value is "" when it is set nowhere.
func (s Settings) Get(name string) Setting { return s.values[name] }

// All returns every setting, by name.
func (s Settings) All() []Setting {
	all := make([]Setting, 0, len(s.values))
	for _, v := range s.values {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Environ is the environment for every tool that is started for the project: the
// process's own with all settings in force.
func (s Settings) Environ() []string {
	env := make([]string, 0, len(s.environ)+len(s.values))
	for _, entry := range s.environ {
		name, _, _ := strings.Cut(entry, "=")
		if _, ours := s.values[name]; !ours {
			env = append(env, entry)
		}
	}
	for _, v := range s.All() {
		env = append(env, v.Name+"="+v.Value)
	}
	env = slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, inputReadOnly+"=") })
	return append(env, inputReadOnly+"="+strconv.FormatBool(s.Get(WebUpload).Value != webOn))
}

func (s *Settings) readFile(source Source, lenient bool) error {
	path := filepath.Join(s.root, string(source))
	text, err := run.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "reading settings: %w", err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin files with one
	if err := checkGrowth(path, text, make(map[string]int), s.lookup); err != nil {
		return err
	}
	parsed, err := godotenv.UnmarshalBytes(text)
	if err != nil && !lenient {
		return unreadable(path, string(text), func(text string) error { _, err := godotenv.Unmarshal(text); return err })
	}
	// Compose's own reading counts, since it expands ${X:-y} and knows the environment;
	// godotenv's is the stricter one about what is a setting at all.
	read := func(text string) (map[string]string, error) { return dotenv.UnmarshalWithLookup(text, s.lookup) }
	values, err := read(string(text))
	var required *template.MissingRequiredError
	if errors.As(err, &required) {
		return exit.Errorf(exit.Unusable, "reading settings in %s: %w", path, err)
	}
	if err != nil {
		return unreadable(path, string(text), func(text string) error { _, err := read(text); return err })
	}
	if lenient {
		parsed = values
	}
	for name := range parsed {
		value := values[name]
		line, quoted := locate(string(text), name)
		s.values[name] = Setting{Name: name, Value: value, Source: source, Line: line, quoted: quoted}
	}
	return nil
}

// unreadable is the error of a settings file that cannot be parsed. It names the line but quotes nothing:
// parsers quote the rest of the file, which may be secret.
func unreadable(path, text string, parse func(string) error) error {
	lines := strings.SplitAfter(text, "\n")
	good := 0 // lines that can be read together; a quoted value may go over several
	for i := range lines {
		if parse(strings.Join(lines[:i+1], "")) == nil {
			good = i + 1
		}
	}
	fix := exit.Fix{Type: "git diff " + filepath.Base(path), Note: "shows what changed"}
	if filepath.Base(path) == string(FromLocal) { // Git knows nothing of it
		fix = exit.Fix{Note: "correct that line; without the file, .env alone counts"}
	}
	return exit.Fixable(exit.Unusable, fix,
		"reading settings in %s:%d: it is neither NAME=value nor a comment, or its quotes do not end", path, good+1)
}

func (s *Settings) lookup(name string) (string, bool) {
	setting, set := s.inForce(name)
	return setting.Value, set
}

// inForce is Get for any variable.
func (s *Settings) inForce(name string) (Setting, bool) {
	if value, set := run.Lookup(s.environ, name); set {
		return Setting{Name: name, Value: value, Source: FromEnvironment}, true
	}
	setting, set := s.values[name]
	return setting, set
}

// locate finds the line of the last assignment to name, which counts, and whether its value is in quotes.
func locate(text, name string) (line int, quoted bool) {
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimPrefix(strings.TrimSpace(l), "export ")
		rest, ok := strings.CutPrefix(strings.TrimSpace(l), name)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "" || (rest[0] != '=' && rest[0] != ':') {
			continue
		}
		line = i + 1
		value := strings.TrimSpace(rest[1:])
		quoted = strings.HasPrefix(value, `"`) || strings.HasPrefix(value, `'`)
	}
	return line, quoted
}

func (s *Settings) checkIDs(required bool) error {
	uid, err := s.id(s.UIDName, required)
	if err != nil {
		return err
	}
	gid, err := s.id(s.GIDName, required)
	if err != nil {
		return err
	}
	s.AppUser = ownership.Owner{UID: uid, GID: gid}
	return nil
}

func (s *Settings) id(name string, required bool) (uint32, error) {
	setting, set := s.values[name]
	if !set {
		if required {
			return 0, s.unset(name)
		}
		setting = Setting{Name: name, Value: "1000", Source: FromDefault}
		s.values[name] = setting
	}
	id, err := ParseID(setting.Value)
	if err == nil && setting.quoted {
		err = fmt.Errorf("%w: it is in quotes, which some readers of env files keep as a part of the value", ErrID)
	}
	if err != nil {
		command := "id -u"
		if name == s.GIDName {
			command = "id -g"
		}
		return 0, exit.Errorf(exit.Unusable, "%s is %q in %s: %w. Write %s=1000 there, or the ID that %q prints",
			name, setting.Value, setting.Where(), err, name, command)
	}
	return id, nil
}

func (s *Settings) unset(name string) error {
	path := filepath.Join(s.root, TeamFile)
	why := path + " does not set it"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		why = path + " is missing"
	}
	return exit.Fixable(exit.Unusable, exit.Fix{Type: "mage setup", Note: "writes the defaults"},
		"%s is not set: %s", name, why)
}

// MaxID is the largest UID or GID that is accepted. 4294967295 is (uid_t)-1, which
// chown(2) reads as "leave it as it is"; 2147483647 and above are negative in the
// signed 32-bit integers that some archive formats and tools keep IDs in.
const MaxID = 2147483646

// ErrID is returned for text that is not a usable UID or GID.
var ErrID = errors.New("not a usable ID")

// ParseID reads a UID or GID in the one spelling that every tool reads alike: decimal
// digits without sign or leading zero, from 1 (0 is root) to MaxID.
func ParseID(text string) (uint32, error) {
	reason := func(why string) error { return fmt.Errorf("%w: %s", ErrID, why) }
	switch {
	case text == "":
		return 0, reason("it is empty, and an empty user means root to Docker")
	case strings.Trim(text, "0123456789") != "":
		return 0, reason("only the digits 0 to 9 are allowed")
	case text == "0":
		return 0, reason("0 is root, and no service may run as root")
	case text[0] == '0':
		return 0, reason("leading zeros are read as octal by some tools")
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > MaxID {
		return 0, reason(fmt.Sprintf("it must not be above %d", MaxID))
	}
	return uint32(n), nil
}
