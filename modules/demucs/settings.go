package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spool"
)

func (s *settings) addOptions(flags *flag.FlagSet) {
	s.texts = make(map[string]*string)
	for _, f := range options.Fields {
		if f.Name == "model" {
			continue
		}
		s.texts[f.Name] = flags.String(flagOf(f), os.Getenv(f.Setting),
			fmt.Sprintf("%s: %s; its default is $%s", f.About, f.Allowed, f.Setting))
	}
}

func flagOf(f options.Field) string { return strings.ReplaceAll(f.Name, "_", "-") }

// readOptions reads what was given with these flags. What is said nowhere is options.Default's, once a
// song's own options are over it.
func (s *settings) readOptions() error {
	s.options = options.Options{Model: s.model}
	for _, f := range options.Fields {
		text, ok := s.texts[f.Name]
		if !ok {
			continue
		}
		var wrong *options.FieldError
		if err := s.options.Set(f.Name, *text); errors.As(err, &wrong) {
			return fmt.Errorf("-%s %.60q: it must be %s; set %s in .env.local and run `mage up`", flagOf(f), *text, f.Allowed, f.Setting)
		}
	}
	if err := s.options.Complete().Check(nil); err != nil {
		return fmt.Errorf("the flags contradict each other: %w; set DEMUCS_STEMS and the like in .env.local and run `mage up`", err)
	}
	return nil
}

func (s *settings) checkStems(model prepared) error {
	if err := s.options.Complete().Check(model.stems()); err != nil {
		return fmt.Errorf("the settings ask for what the model %s cannot do: %w; set DEMUCS_STEMS and DEMUCS_TWO_STEMS in .env.local and run `mage up`",
			model.name, err)
	}
	return nil
}

// settingsOf are what a job is separated with: what was asked for with it, over what the service was
// told, over the defaults. stems are those that the model makes; nil where that is not known. Where
// that cannot be done, the error is a rejection.
func (s *settings) settingsOf(j *spool.Job, stems []string) (options.Options, error) {
	all := j.Options.Over(s.options).Complete()
	if err := all.Check(stems); err != nil {
		return all, &rejection{fmt.Sprintf("%q cannot be separated with its options: %v. They were %s; "+
			"put it into input/ again with other options, as docs/song.md describes.", j.Name, err, cmp.Or(j.Options.String(), "no options"))}
	}
	return all, nil
}

// compute are the settings of how a separation is computed.
type compute struct {
	// provider is what ONNX Runtime computes with, one of execution.Providers.
	provider string
	// mode is one of execution.Memories.
	mode string
	// threadsText is what was given; threads is 0 for one thread for each processor.
	threadsText string
	threads     int
}

func (c *compute) addTo(flags *flag.FlagSet) {
	flags.StringVar(&c.provider, "provider", cmp.Or(os.Getenv("DEMUCS_PROVIDER"), execution.CPU),
		"what computes: cpu, webgpu or cuda; its default is $DEMUCS_PROVIDER")
	flags.StringVar(&c.mode, "memory", cmp.Or(os.Getenv("DEMUCS_MEMORY"), string(execution.Normal)),
		"normal, or low to take less memory and more time; its default is $DEMUCS_MEMORY")
	flags.StringVar(&c.threadsText, "threads", os.Getenv("DEMUCS_THREADS"),
		"how many threads compute, by default one for each processor; its default is $DEMUCS_THREADS")
}

func (c *compute) check() error {
	if err := execution.CheckProvider(c.provider); err != nil {
		return fmt.Errorf("-provider: %w; set DEMUCS_PROVIDER in .env.local and run `mage up`", err)
	}
	if err := execution.CheckMemory(c.mode); err != nil {
		return fmt.Errorf("-memory: %w; set DEMUCS_MEMORY in .env.local and run `mage up`", err)
	}
	var err error
	if c.threads, err = execution.ParseThreads(c.threadsText); err != nil {
		return fmt.Errorf("-threads: %w; set DEMUCS_THREADS in .env.local and run `mage up`", err)
	}
	return nil
}

func (c *compute) threadsFor(processors int) int {
	return cmp.Or(c.threads, min(processors, execution.MaxThreads))
}

// enough returns an error where the engine would be killed for want of memory. has is what the
// service may use, 0 where that is unknown.
func (c *compute) enough(has int64) error {
	mode := execution.Memory(c.mode)
	if has == 0 || has >= mode.Need() {
		return nil
	}
	fix := "raise mem_limit of demucs in docker-compose.yml, or give the engine's machine more memory"
	if low := execution.Low.Need(); mode != execution.Low && has >= low {
		fix += ", or set DEMUCS_MEMORY=low in .env, which needs " + megabytes(low)
	}
	return fmt.Errorf("too little memory: a separation needs %s and the service may use %s; fix: %s; then run `mage up`",
		megabytes(mode.Need()), megabytes(has), fix)
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n/1_000_000) }

// gigabytes shows memory in the unit of mem_limit, rounded up: what is said to be enough is.
func gigabytes(n int64) string {
	return fmt.Sprintf("%.1fg", math.Ceil(float64(n)/(1<<30)*10)/10)
}

// memoryLimit is how much memory this process may use: the machine's, or the least that the
// control groups around the process allow, in their first or second version. root is "/". It
// is 0 when that cannot be found out.
func memoryLimit(root fs.FS) int64 {
	limit := machineMemory(root)
	for _, file := range limitFiles(root) {
		data, err := fs.ReadFile(root, file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err == nil && n > 0 && (limit == 0 || n < limit) { // "max" is no number.
			limit = n
		}
	}
	return limit
}

// limitFiles are the files that may have the limit of a group this process is in. In a
// container those at the top are the container's own.
func limitFiles(root fs.FS) []string {
	files := []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"}
	data, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return files
	}
	for line := range strings.Lines(string(data)) { // "0::/a/b" or "4:cpu,memory:/a/b"
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[1] == "":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// The groups around a group limit it as well.
		for group := path.Clean("/" + parts[2]); group != "/"; group = path.Dir(group) {
			files = append(files, path.Join(folder, group, file))
		}
	}
	return files
}

// machineMemory reads the size of the memory from /proc/meminfo; 0 when it is not there.
func machineMemory(root fs.FS) int64 {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemTotal:" {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || n > math.MaxInt64>>10 {
			return 0
		}
		return n << 10
	}
	return 0
}
