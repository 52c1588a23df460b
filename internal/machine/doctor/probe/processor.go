package probe

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// cpuinfoSize is how much of /proc/cpuinfo is read: the first processor's part is far shorter.
const cpuinfoSize = 64 << 10

// Processor returns which of the features that a separation gains by the first processor in the
// text of /proc/cpuinfo has, sorted: "asimd", "avx2", "avx512f", "fma". It is empty, and not nil, where
// the text lists features and none of these; nil where it lists none.
func Processor(cpuinfo io.Reader) []string {
	lines := bufio.NewScanner(io.LimitReader(cpuinfo, cpuinfoSize))
	lines.Buffer(nil, cpuinfoSize)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), ":")
		name = strings.TrimSpace(name)
		if !found || name != "flags" && name != "Features" { // x86, and ARM
			continue
		}
		has := []string{}
		for _, feature := range strings.Fields(value) {
			if slices.Contains([]string{"asimd", "avx2", "avx512f", "fma"}, feature) {
				has = append(has, feature)
			}
		}
		slices.Sort(has)
		return slices.Compact(has)
	}
	return nil
}
