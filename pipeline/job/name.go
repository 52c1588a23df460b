package job

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/im2-audio/im2/pipeline/title"
)

// The folders of the data folder.
const (
	InputFolder    = "input"
	OutputFolder   = "output"
	ArchiveFolder  = "archive"
	RejectedFolder = "rejected"
	QueueFolder    = "queue"
	// WatcherFolder is in QueueFolder, and has the lease of the watcher: one folder, FreeWatcher or as ParseWatcher reads it.
	WatcherFolder = "watcher"
	FreeWatcher   = "free"
)

// Folders returns all of them, and those of the stages in the queue, relative to the data folder.
func Folders() []string {
	all := []string{InputFolder, OutputFolder, ArchiveFolder, RejectedFolder, QueueFolder}
	for _, stage := range Stages {
		all = append(all, filepath.Join(QueueFolder, string(stage)))
	}
	return all
}

// What a job's folder can hold.
const (
	RecordFile   = "job.json"
	DamagedFile  = "job.json.damaged"
	ProgressFile = "progress.json"
	// SourceFile is the song. It always has this name, so that no hostile name gets on a command line.
	SourceFile = "source"
	// StemsFolder holds the finished stems, PeaksFile (see pipeline/peaks) and, later, TrackFile.
	StemsFolder = "stems"
	PeaksFile   = "peaks.json"
	TrackFile   = "track.json"
	// CoverJPEG and CoverPNG are the names of a picture beside the stems.
	CoverJPEG = "cover.jpg"
	CoverPNG  = "cover.png"
	// WorkFolder is scratch space of the worker.
	WorkFolder = "work"
	// TakenFolder holds the song under its own name until it is the source.
	TakenFolder = "taken"
	// AskedFile is the copy of the sidecar until job.json has its content.
	AskedFile = "asked.json"
	// CopyFile is the copy of a song that belonged to another user.
	CopyFile = "copy"
)

const (
	// UploadPattern is the name of a song that "mage separate" is copying into input/, with random text for "*".
	UploadPattern = ".im2-*.part"
	// BrowserPattern is as UploadPattern for a song that comes from a browser. UploadPattern has it, too.
	BrowserPattern = ".im2-web-*.part"
	// MostEntry is how many bytes the name of a song in input/ may have if it has a sidecar.
	MostEntry = title.Limit - len(sidecarStart) - len(sidecarEnd)

	sidecarStart = "."
	sidecarEnd   = ".im2.json"
)

// Sidecar returns the name of the hidden file in input/ that says how to separate the song entry, in the
// form that options.Parse reads. It must be complete before the song gets its name.
func Sidecar(entry string) string { return sidecarStart + entry + sidecarEnd }

// SidecarOf returns the song that a sidecar of this name belongs to, and false if it is no sidecar.
func SidecarOf(name string) (entry string, ok bool) {
	entry, ok = strings.CutPrefix(name, sidecarStart)
	if ok {
		entry, ok = strings.CutSuffix(entry, sidecarEnd)
	}
	return entry, ok && entry != ""
}

// ReasonExtension is what the text that says why a file was rejected has after its name.
const ReasonExtension = ".txt"

// ReasonFile is the name in rejected/ of the text about the file of this name there. One that leaves no room for the extension is
// shortened for it.
func ReasonFile(name string) string {
	return title.Shorten(name, title.Limit-len(ReasonExtension)) + ReasonExtension
}

// SongDepth is how many folders below OutputFolder a song's folder is at most: artist, album and title.
const SongDepth = 3

// SongFolder returns track if it can be the folder of a song in OutputFolder, one to SongDepth names with slashes between them, and
// "" if it leads elsewhere.
func SongFolder(track string) string {
	names := strings.Split(track, "/")
	if len(names) > SongDepth {
		return ""
	}
	for _, name := range names {
		if OneName(name) == "" || len(name) > title.Limit || strings.ContainsFunc(name, unicode.IsControl) {
			return ""
		}
	}
	return track
}

// OneName returns name if it is the name of one entry of a folder, and "" if it leads elsewhere.
func OneName(name string) string {
	if name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return ""
	}
	return name
}

const (
	// idTime is UTC with microseconds, at a fixed width: IDs sort by the time of their jobs.
	idTime = "20060102T150405.000000Z"
	// tokenLength is the number of hexadecimal digits of a token.
	tokenLength = 8
	idLength    = len(idTime) + 1 + tokenLength
	// longestWorker is the length of the longest host name.
	longestWorker = 64
	// unnamed and noToken stand for what a claim of an earlier version does not tell.
	unnamed = "_"
	noToken = "00000000"
)

// NewToken returns random text that tells two IDs, or two claims, apart.
func NewToken() string {
	random := make([]byte, tokenLength/2)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random)
}

// IsToken reports whether text is one that NewToken can return.
func IsToken(text string) bool {
	if len(text) != tokenLength {
		return false
	}
	decoded, err := hex.DecodeString(text)
	return err == nil && hex.EncodeToString(decoded) == text
}

// NewID returns an ID such as 20261123T113047.123456Z-1a2b3c4d.
func NewID(now time.Time, token string) string { return now.UTC().Format(idTime) + "-" + token }

// ValidID reports whether name has the form of a job's ID.
func ValidID(name string) bool {
	if len(name) != idLength || name[len(idTime)] != '-' {
		return false
	}
	_, err := time.Parse(idTime, name[:len(idTime)])
	return err == nil && IsToken(name[len(idTime)+1:])
}

// A Claim is the name of a job's folder:
//
//	<id>                           nobody has it, or a worker of an earlier version
//	<id>.<worker>.<token>          the worker has it
//	<id>.<worker>.<token>-<fence>  it is being taken from that worker
//
// No two claims have the same name. Who renames the folder takes the job: all paths that the
// worker before knows lead nowhere from then on.
type Claim struct {
	ID, Worker, Token, Fence string
}

// Name is the folder's name.
func (c Claim) Name() string {
	if c.Token == "" {
		return c.ID
	}
	name := c.ID + "." + c.Worker + "." + c.Token
	if c.Fence != "" {
		name += "-" + c.Fence
	}
	return name
}

// Fenced returns the claim of a process that takes the job away from c.
func (c Claim) Fenced(token string) Claim {
	if c.Token == "" {
		c.Worker, c.Token = unnamed, noToken
	}
	c.Fence = token
	return c
}

// ParseClaim reads the name of a folder in a stage, and returns false if it is not a job's.
func ParseClaim(name string) (c Claim, ok bool) {
	if len(name) < idLength || !ValidID(name[:idLength]) {
		return Claim{}, false
	}
	c.ID = name[:idLength]
	if len(name) == idLength {
		return c, true
	}
	parts := strings.Split(name[idLength:], ".")
	if len(parts) != 3 || parts[0] != "" || parts[1] != WorkerName(parts[1]) {
		return Claim{}, false
	}
	c.Worker = parts[1]
	token, fence, fenced := strings.Cut(parts[2], "-")
	c.Token, c.Fence = token, fence
	return c, IsToken(token) && (IsToken(fence) || !fenced)
}

// ParseWatcher reads the name of the watcher's lease while a worker has it: <worker>.<token>.
func ParseWatcher(name string) (worker string, ok bool) {
	worker, token, _ := strings.Cut(name, ".")
	return worker, worker == WorkerName(worker) && IsToken(token)
}

// WorkerName makes a worker's name one that can be part of a claim.
func WorkerName(worker string) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, worker)
	if name == "" {
		return unnamed
	}
	return name[:min(len(name), longestWorker)]
}
