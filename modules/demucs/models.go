package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/weights"
)

// models are the prepared models in the cache folder, in one precision.
//
// Every container that has the data folder can write there, so what is in it is believed only by
// its digests: all of them are checked before the first job, and again whenever one of the files
// is another one or has other times (the system sets ctime by itself). The manifest of a model
// that IM2 knows has its digest in this program; that of a user's own is only compared with its
// pieces here, and with the note of "mage demucs-cache" by the targets.
//
// The engine loads the files after they were checked. A change in between is noticed by check
// after the song, which is then not kept. What remains is a change that leaves no trace in the
// times of files: a disk that reads other bytes than it was given, until the next start.
type models struct {
	// dir is the cache folder.
	dir, precision string
	// standard is the model for jobs that name none.
	standard string
	// pinned is weights.Pinned, or a test's.
	pinned func(model, precision string) (digest string, known bool)
	// checked are those that were found to be right, by their names.
	checked map[string]prepared
	// damaged are those whose files were read and found to be wrong, by their names: they are read again when they changed.
	damaged map[string]damagedModel
	// log and keepAlive are the service's: gigabytes may have to be read.
	log       *slog.Logger
	keepAlive func(context.Context) (stop func())
}

// mostModels bounds what is read, and kept in memory, of a cache that others can write to.
const mostModels = 32

// prepared is a model that was found to be right.
type prepared struct {
	// name is the model's, and dir the path of its folder.
	name, dir string
	manifest  weights.Manifest
	// state is what the system knew of its files then.
	state string
}

type damagedModel struct {
	prepared
	err error
}

// modelError says that a prepared model cannot be used. It is never a job's fault.
type modelError struct{ error }

func (e *modelError) Unwrap() error { return e.error }

func newModels(s *settings, env *service.Env) *models {
	return &models{
		dir: s.weights, precision: s.precision, standard: s.model, pinned: weights.Pinned, checked: map[string]prepared{}, damaged: map[string]damagedModel{},
		log: env.Log, keepAlive: env.Health.KeepAlive,
	}
}

// ready checks all models that are new or have changed. While one is wrong no job is claimed, since it may
// need that one.
func (m *models) ready(ctx context.Context) error {
	cache, err := place.OpenFolder(m.dir)
	if err != nil {
		return &modelError{fmt.Errorf("opening the model cache: %w", err)}
	}
	defer func() { _ = cache.Close() }() // It was only read.
	names, err := weights.List(cache, m.precision)
	if err != nil {
		return &modelError{fmt.Errorf("reading the model cache %s: %w", m.dir, err)}
	}
	if len(names) > mostModels {
		return &modelError{fmt.Errorf("the model cache %s has %d models in %s, and at most %d are used: remove the folders of those that are not needed",
			m.dir, len(names), m.precision, mostModels)}
	}
	maps.DeleteFunc(m.checked, func(name string, _ prepared) bool { return !slices.Contains(names, name) })
	maps.DeleteFunc(m.damaged, func(name string, _ damagedModel) bool { return !slices.Contains(names, name) })
	if !slices.Contains(names, m.standard) {
		return m.unusable(m.standard, fmt.Errorf("there is no folder %s", m.folder(m.standard)))
	}
	for _, name := range names {
		if was, ok := m.checked[name]; ok && m.check(cache, was) == nil {
			continue
		}
		delete(m.checked, name)
		if was, ok := m.damaged[name]; ok && m.check(cache, was.prepared) == nil {
			return m.unusable(name, was.err)
		}
		delete(m.damaged, name)
		is, err := m.read(ctx, cache, name)
		if errors.As(err, new(*weights.DamageError)) || errors.As(err, new(*weights.ManifestError)) {
			m.damaged[name] = damagedModel{is, err}
		}
		if err != nil {
			return m.unusable(name, err)
		}
		m.checked[name] = is
	}
	return nil
}

func (m *models) folder(name string) string {
	return filepath.Join(m.dir, weights.Folder(name, m.precision))
}

// read checks all of one model, which must not change meanwhile.
func (m *models) read(ctx context.Context, cache *os.Root, name string) (prepared, error) {
	p := prepared{name: name, dir: m.folder(name)}
	folder, err := weights.OpenFolder(cache, weights.Folder(name, m.precision))
	if err != nil {
		return p, err
	}
	defer func() { _ = folder.Close() }() // It was only read.
	if p.manifest, err = weights.Load(folder); err != nil {
		return p, err
	}
	if p.manifest.Folder() != weights.Folder(name, m.precision) {
		return p, fmt.Errorf("its manifest is for %s", p.manifest.Folder())
	}
	m.log.Info("checking a model", "model", name, "bytes", p.manifest.Size())
	defer m.keepAlive(ctx)()
	if p.state, err = weights.State(cache, p.manifest); err != nil {
		return p, err
	}
	digest, known := m.pinned(name, m.precision)
	if !known {
		digest = p.manifest.Digest()
	}
	if _, err := weights.Check(ctx, cache, name, m.precision, digest); err != nil {
		return p, err
	}
	return p, m.check(cache, p)
}

// find returns the model of a job, "" for the standard one. The error for one that is not there is
// a rejection. ready must have returned nil.
func (m *models) find(name string) (prepared, error) {
	if name == "" {
		name = m.standard
	}
	if p, ok := m.checked[name]; ok {
		return p, nil
	}
	var known []string
	for name := range m.checked {
		known = append(known, name)
	}
	slices.Sort(known)
	return prepared{}, &rejection{fmt.Sprintf("there is no model %q in %s: known are %s. "+
		"Choose one of them, or prepare it with \"mage demucs-cache -model=FILE -precision=%s\", and put the song into input/ again.",
		name, m.precision, strings.Join(known, ", "), m.precision)}
}

func (m *models) unchanged(p prepared) error {
	cache, err := place.OpenFolder(m.dir)
	if err != nil {
		return &modelError{fmt.Errorf("opening the model cache: %w", err)}
	}
	defer func() { _ = cache.Close() }() // It was only read.
	if err := m.check(cache, p); err != nil {
		return &modelError{fmt.Errorf("the model %s was changed while a song was separated with it: %w", p.name, err)}
	}
	return nil
}

// errChanged is returned for files that are not as they were.
var errChanged = errors.New("its files were changed")

func (m *models) check(cache *os.Root, p prepared) error {
	state, err := weights.State(cache, p.manifest)
	if err == nil && state != p.state {
		err = errChanged
	}
	return err
}

func (m *models) unusable(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		// Not %w: callers would take fs.ErrPermission for a fault of the data folder.
		return &modelError{fmt.Errorf("the model %s cannot be read by %s: %v; run `mage reset-permissions`", name, service.User(), err)} //nolint:errorlint // as said
	}
	fix := "run `mage demucs-cache`"
	if _, known := m.pinned(name, m.precision); !known {
		fix = "run `mage demucs-cache -model=FILE` with its ONNX file"
	}
	if name != m.standard {
		fix += ", or remove the folder"
	}
	return &modelError{fmt.Errorf("the model %s cannot be used: %w; %s", name, err, fix)}
}
