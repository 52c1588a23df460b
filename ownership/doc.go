// Package ownership gives a folder and everything in it one owner, one mode for folders and one mode
// for files: what "chown -R" and "chmod -R" are used for on the data that containers share.
//
// It is safe to run as root while others, such as the processes of containers, write to the folder:
//
//   - No symbolic link is followed, and nothing outside of the folder is reached or changed, however
//     fast others rename and link.
//   - Mounts inside of the folder are not crossed. Devices, immutable and append-only files are
//     skipped. Each of them is a [Problem] in the [Summary], with the reason.
//   - A file with several names is changed only if all of its names are in the folder. Otherwise a hard
//     link to a file of the system would give that file away.
//   - The root of the file system, folders of the system and home folders are refused ([ErrProtected]),
//     and so is a folder that is a symbolic link ([ErrNotFolder]). An owner with UID or GID 0 needs
//     [Request.AllowRoot].
//   - The owner is changed before the mode. The kernel clears set-user-ID bits when the owner changes, so
//     there is no moment in which such a file belongs to its new owner.
//   - The set-group-ID bit of folders stays, as with GNU chmod. Pipes, sockets and links get the owner and
//     keep their mode.
//
// An entry that is right already is not written: a second run changes nothing, copies nothing up on an
// overlay, and touches no change time.
//
// # Systems
//
// On Linux an entry that is right costs one statx(2). A wrong one is changed through a descriptor that is
// pinned to it and checked again. Kernels and seccomp profiles without openat2, statx or fchmodat2 are
// supported. Changing owners needs root or the capabilities CHOWN, FOWNER and DAC_READ_SEARCH; changing
// only modes needs the owner.
//
// Other Unix systems have a simpler walk relative to an open [os.Root], with one thread. On macOS only
// modes are set, since Docker shows every file there as belonging to whoever looks. On Windows, where files
// have no numeric owner, nothing is changed.
package ownership
