package execution_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/execution"
)

func TestThreads(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "1": 1, "16": 16, "128": 128} {
		if got, err := execution.ParseThreads(text); err != nil || got != want {
			t.Errorf("ParseThreads(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "129", "two", "1.5", " 1", "99999999999999999999"} {
		if _, err := execution.ParseThreads(text); err == nil || !strings.Contains(err.Error(), "set 1 to 128") {
			t.Errorf("ParseThreads(%q): %v", text, err)
		}
	}
}

func TestUnknownNamesAreRefusedWithTheKnownOnes(t *testing.T) {
	t.Parallel()
	for _, name := range execution.Providers() {
		if err := execution.CheckProvider(name); err != nil {
			t.Error(err)
		}
	}
	for _, mode := range execution.Memories() {
		if err := execution.CheckMemory(mode); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "CPU", "CUDA", "rocm", "cpu "} {
		if err := execution.CheckProvider(name); err == nil || !strings.Contains(err.Error(), "known are cpu, webgpu, cuda") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := execution.CheckMemory("lots"); err == nil || !strings.Contains(err.Error(), "known are normal, low") {
		t.Error(err)
	}
}

// TestNeed holds the figures to what a Compose file can promise: both below mem_limit, and normal
// within mem_reservation.
func TestNeed(t *testing.T) {
	t.Parallel()
	if low, normal := execution.Low.Need(), execution.Normal.Need(); low >= normal || normal > 1<<30 {
		t.Errorf("low %d, normal %d", low, normal)
	}
}
