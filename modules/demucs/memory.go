package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

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
