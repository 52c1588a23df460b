// Package idmap translates UIDs and GIDs by the tables of a user namespace (user_namespaces(7)).
package idmap

import (
	"fmt"
	"os"
	"strings"
)

// None is returned for an ID that the table does not have.
const None = -1

// Map is a uid_map or gid_map: rows of the first ID inside of the namespace, the first one outside,
// and how many there are.
type Map [][3]int64

// Parse reads the text of /proc/PID/uid_map or gid_map. Lines that are no row are left out.
func Parse(text string) Map {
	var m Map
	for line := range strings.Lines(text) {
		var row [3]int64
		if n, err := fmt.Sscan(line, &row[0], &row[1], &row[2]); n == 3 && err == nil {
			m = append(m, row)
		}
	}
	return m
}

// Inside translates an ID of the reader's namespace into one of the process's.
func (m Map) Inside(id int64) int64 { return m.translate(id, 1, 0) }

// Outside translates an ID of the process's namespace into one of the reader's.
func (m Map) Outside(id int64) int64 { return m.translate(id, 0, 1) }

func (m Map) translate(id int64, from, to int) int64 {
	for _, row := range m {
		if at := id - row[from]; at >= 0 && at < row[2] {
			return row[to] + at
		}
	}
	return None
}

// Self returns the texts of the tables of this process.
func Self() (uid, gid string, err error) {
	u, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return "", "", err
	}
	g, err := os.ReadFile("/proc/self/gid_map")
	return string(u), string(g), err
}
