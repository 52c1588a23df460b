package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"

	"github.com/im2-audio/im2/pipeline/execution"
)

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
		return fmt.Errorf("-provider: %w; set DEMUCS_PROVIDER in .env and run `mage up`", err)
	}
	if err := execution.CheckMemory(c.mode); err != nil {
		return fmt.Errorf("-memory: %w; set DEMUCS_MEMORY in .env and run `mage up`", err)
	}
	var err error
	if c.threads, err = execution.ParseThreads(c.threadsText); err != nil {
		return fmt.Errorf("-threads: %w; set DEMUCS_THREADS in .env and run `mage up`", err)
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
