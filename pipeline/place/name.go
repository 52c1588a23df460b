package place

import "github.com/im2-audio/im2/pipeline/title"

// NameLimit is how many bytes a file name may have on every file system in use.
const NameLimit = title.Limit

// A Naming gives the names to try, one after the other: the wanted name for 1, then
// "name (2)", "name (3)" and so on.
type Naming func(n int) string

// FileNames numbers a file's name before its extension: "song.mp3", "song (2).mp3". The bytes
// of name are kept as they are, valid UTF-8 or not; names beyond NameLimit are shortened.
func FileNames(name string) Naming { return FileNamesWithin(name, NameLimit) }

// FileNamesWithin is FileNames for names of at most limit bytes.
func FileNamesWithin(name string, limit int) Naming {
	return func(n int) string { return title.Number(name, n, limit) }
}

// FolderNames numbers a folder's name at its end. No name has more than limit bytes.
func FolderNames(name string, limit int) Naming {
	return func(n int) string { return title.NumberFolder(name, n, limit) }
}
