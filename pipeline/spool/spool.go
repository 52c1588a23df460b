package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/place"
)

// ErrNotWritable is returned when the user a service runs as may not write to the data folder.
var ErrNotWritable = errors.New("the data folder cannot be written")

// A Spool is the data folder as the services see it. It may be used by several goroutines.
type Spool struct {
	data string
	disk place.Placer
	now  func() time.Time
	// token makes what tells one job or folder from all others, and claimToken what tells one claim so.
	token, claimToken func() string
	times             lease.Times
	// stages are the folders of the stages, as far as putting them on the disk goes.
	stages map[job.Stage]*folder

	mu sync.Mutex
	// backlog holds the last listing of each stage that jobs are claimed from.
	backlog map[job.Stage]*backlog
}

// Open makes what is missing of the folders of a data folder and checks that they can be
// written. The data folder itself must exist: a missing one means that nothing is mounted.
func Open(data string) (*Spool, error) {
	s := on(place.Local.Disk, data, time.Now, job.NewToken)
	return s, s.Ready()
}

func on(disk place.Disk, data string, now func() time.Time, token func() string) *Spool {
	s := &Spool{
		data: data, disk: place.Placer{Disk: disk}, now: now, token: token, claimToken: token, times: lease.Default,
		stages: map[job.Stage]*folder{}, backlog: map[job.Stage]*backlog{},
	}
	for _, stage := range job.Stages {
		s.stages[stage] = newFolder(disk, s.StageFolder(stage), func() time.Time { return s.now() })
		s.backlog[stage] = &backlog{refused: map[string]refusal{}}
	}
	return s
}

// SetTimes sets those of all leases. It must be called before any is held or watched.
func (s *Spool) SetTimes(times lease.Times) { s.times = times }

// Input is the folder where people put songs.
func (s *Spool) Input() string { return filepath.Join(s.data, job.InputFolder) }

// Output is the folder that has one folder of stems for each track.
func (s *Spool) Output() string { return filepath.Join(s.data, job.OutputFolder) }

// Archive is the folder of the originals of separated tracks.
func (s *Spool) Archive() string { return filepath.Join(s.data, job.ArchiveFolder) }

// RejectedFiles is the folder of the files that were refused, each with a text that says why.
func (s *Spool) RejectedFiles() string { return filepath.Join(s.data, job.RejectedFolder) }

// StageFolder is the folder of the jobs of a stage.
func (s *Spool) StageFolder(stage job.Stage) string {
	return filepath.Join(s.data, job.QueueFolder, string(stage))
}

// Ready makes the folders that are missing and returns an error that wraps ErrNotWritable
// when this user may not write to one. It is cheap enough to be asked on each turn of a loop,
// so that a folder that someone removed comes back and a wrong owner is noticed at once.
func (s *Spool) Ready() error {
	if _, err := place.Local.Lstat(s.data); err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	for _, folder := range s.folders() {
		if err := makeFolder(folder); err != nil {
			return err
		}
		if err := place.Writable(folder); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrNotWritable, folder, err)
		}
	}
	return nil
}

func (s *Spool) folders() []string {
	folders := []string{s.Input(), s.Output(), s.Archive(), s.RejectedFiles()}
	for _, stage := range job.Stages {
		folders = append(folders, s.StageFolder(stage))
	}
	return folders
}

func makeFolder(path string) error {
	err := place.MakeFolder(path)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err != nil {
		return fmt.Errorf("making a folder of the pipeline: %w", err)
	}
	return nil
}

// List returns the IDs of the jobs in a stage, oldest first.
func (s *Spool) List(stage job.Stage) ([]string, error) {
	claims, err := s.claims(stage)
	ids := make([]string, 0, len(claims))
	for _, c := range claims {
		ids = append(ids, c.ID)
	}
	return ids, err
}

// claims returns the jobs in a stage with who has them, oldest first.
func (s *Spool) claims(stage job.Stage) ([]job.Claim, error) {
	entries, err := s.disk.ReadDir(s.StageFolder(stage))
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	claims := make([]job.Claim, 0, len(entries))
	for _, entry := range entries {
		if c, ok := job.ParseClaim(entry.Name()); ok && entry.IsDir() && (c.Token == "" || stage.Working()) {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// Create makes the folder of a new job in Incoming, in the hands of worker. Nothing is known
// of it yet, and there is no job.json before the first Save. Where there may be several watchers, use Watch.Create.
func (s *Spool) Create(worker string) (*Job, error) {
	return s.create(job.WorkerName(worker), s.claimToken())
}

func (s *Spool) create(worker, token string) (*Job, error) {
	j := s.Fresh(job.Claim{ID: job.NewID(s.now(), s.token()), Worker: worker, Token: token})
	if err := s.disk.Mkdir(j.Dir()); err != nil {
		return nil, fmt.Errorf("making a job: %w", err)
	}
	return j, nil
}

// Fresh returns a job of Incoming whose job.json was never written.
func (s *Spool) Fresh(c job.Claim) *Job {
	j := s.job(job.Incoming, c)
	j.Created = s.now().UTC()
	j.Arrive(job.Visit{Stage: job.Incoming, Start: j.Created, Worker: c.Worker, Claim: c.Token}, "")
	return j
}

// job returns one of which nothing is known but where it is.
func (s *Spool) job(stage job.Stage, c job.Claim) *Job {
	return &Job{Record: job.Record{ID: c.ID}, spool: s, stage: stage, claim: c}
}

func (s *Spool) folderOf(stage job.Stage, c job.Claim) string {
	return filepath.Join(s.StageFolder(stage), c.Name())
}

func (s *Spool) jobFolder(stage job.Stage, id string) string {
	return s.folderOf(stage, job.Claim{ID: id})
}

// Flush puts on the disk what was moved from stage to stage and is not there yet. It is for
// whoever has nothing else to do.
func (s *Spool) Flush() error {
	var errs []error
	for _, stage := range job.Stages {
		errs = append(errs, s.stages[stage].flush())
	}
	return errors.Join(errs...)
}

// Load reads a job that this caller has already. It claims nothing. A job that is not there
// gives fs.ErrNotExist, and one of Incoming without job.json ErrNoRecord.
func (s *Spool) Load(stage job.Stage, id string) (*Job, error) {
	c, err := s.find(stage, id)
	if err != nil {
		return nil, err
	}
	return s.load(stage, c)
}

func (s *Spool) load(stage job.Stage, c job.Claim) (*Job, error) {
	j, err := s.read(stage, c)
	if err == nil && (c.Token == "" || stage == job.Incoming) {
		j.Rewind(stage)
	}
	return j, err
}

// Taken reads a job of Incoming that this caller has under claim c, as Load does. What it says is on the disk: a record that
// was only renamed may be lost when what was done for it is not.
func (s *Spool) Taken(c job.Claim) (*Job, error) {
	j, err := s.read(job.Incoming, c)
	if err != nil {
		return nil, err
	}
	if j.Last().Stage != job.Incoming { // A power cut put it back, and its error is one of a stage that it had come to.
		j.Rewind(job.Incoming)
		j.Error = ""
	}
	return j, j.disk().SyncFolder(j.Dir())
}

// Each reads all jobs of a stage, whoever has them, oldest first, with one listing. visit gets each job, or why it could not be read,
// and ends this with an error.
func (s *Spool) Each(stage job.Stage, visit func(j *Job, err error) error) error {
	claims, err := s.claims(stage)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if err := visit(s.load(stage, c)); err != nil {
			return err
		}
	}
	return nil
}

// Every is Each for all stages. A job that is given back meanwhile, behind where this is, is found by a second look; others that
// move may be visited twice.
func (s *Spool) Every(visit func(j *Job, err error) error) error {
	seen := map[string]bool{}
	for _, stage := range job.Stages {
		err := s.Each(stage, func(j *Job, err error) error {
			if err == nil {
				seen[j.ID] = true
			}
			return visit(j, err)
		})
		if err != nil {
			return err
		}
	}
	for _, stage := range job.Stages {
		if stage.Final() {
			break
		}
		ids, err := s.List(stage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if seen[id] {
				continue
			}
			if err := visit(s.Locate(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Locate reads a job, whoever has it and wherever it is. A job that is in no stage gives
// fs.ErrNotExist.
func (s *Spool) Locate(id string) (*Job, error) {
	for _, stage := range job.Stages { // Most are in nobody's hands, and found without a listing.
		if there, err := s.disk.Has(s.jobFolder(stage, id)); there && err == nil {
			if j, err := s.read(stage, job.Claim{ID: id}); !errors.Is(err, fs.ErrNotExist) {
				return j, err
			}
		}
	}
	for range 2 { // A job that was given back has been passed over once.
		for _, stage := range job.Stages {
			c, err := s.find(stage, id)
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				return nil, err
			}
			j, err := s.read(stage, c)
			if !errors.Is(err, fs.ErrNotExist) {
				return j, err
			}
		}
	}
	return nil, fmt.Errorf("finding job %s: %w", id, fs.ErrNotExist)
}

func (s *Spool) find(stage job.Stage, id string) (job.Claim, error) {
	bare := job.Claim{ID: id}
	if there, err := s.disk.Has(s.folderOf(stage, bare)); there || !stage.Working() {
		return bare, err
	}
	claims, err := s.claims(stage)
	if err != nil {
		return job.Claim{}, err
	}
	for _, c := range claims {
		if c.ID == id {
			return c, nil
		}
	}
	return job.Claim{}, fmt.Errorf("finding job %s in %s: %w", id, stage, fs.ErrNotExist)
}

func (s *Spool) read(stage job.Stage, c job.Claim) (*Job, error) {
	j := s.job(stage, c)
	data, err := j.readRecord()
	if err != nil {
		return nil, fmt.Errorf("reading job %s: %w", c.ID, err)
	}
	if j.Record, err = job.Parse(data, c.ID); err != nil {
		return nil, fmt.Errorf("%w: job %s: %w", ErrDamaged, c.ID, err)
	}
	return j, nil
}

// readRecord reads job.json, and distinguishes a job without one from a job that is not there.
func (j *Job) readRecord() ([]byte, error) {
	var err error
	for range 4 { // Somebody may put the job back between two looks, and the two modes may have to be mended.
		var info fs.FileInfo
		info, err = j.disk().Lstat(j.Path(job.RecordFile))
		if err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: it is not a regular file", ErrDamaged)
		}
		if err == nil {
			var data []byte
			data, err = j.disk().ReadFile(j.Path(job.RecordFile))
			if errors.Is(err, fs.ErrPermission) && j.disk().Chmod(j.Path(job.RecordFile), place.FileMode) == nil {
				continue
			}
			if errors.Is(err, job.ErrTooLong) {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return data, err
		}
		if errors.Is(err, fs.ErrPermission) && j.disk().Chmod(j.Dir(), place.FolderMode) == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if there, hasErr := j.disk().Has(j.Dir()); hasErr != nil || !there {
			return nil, errors.Join(err, hasErr)
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	case j.stage == job.Incoming:
		return nil, ErrNoRecord
	default:
		return nil, fmt.Errorf("%w: it is missing", ErrDamaged)
	}
}

// Reload reads the record of a job in this worker's hands again. The error is ErrLost if the job was taken
// away.
func (j *Job) Reload() error {
	again, err := j.spool.read(j.stage, j.claim)
	if err != nil {
		return j.orLost(err)
	}
	visit := j.Last()
	j.Record = again.Record
	if j.Last().Stage != j.stage {
		j.Rewind(j.stage.Entry())
		j.Attempt = visit.Attempt
		j.Arrive(visit, "")
	}
	return nil
}
