// Package ownership gives a folder and everything in it one owner, one mode for folders and one mode
// for files: what "chown -R" and "chmod -R" are used for on the data that containers share.
//
// On Linux it is safe to run as root while others, such as the processes of containers, write to the folder:
//
//   - No symbolic link is followed, and nothing outside of the folder is reached or changed, however
//     fast others rename and link.
//   - Mounts inside of the folder are not crossed. Devices, immutable and append-only files are
//     skipped. Each of them is a [Problem] in the [Summary], with the reason.
//   - A file with several hard links is changed only if all of them are in the folder. Someone could have put
//     a hard link to /etc/shadow there.
//   - The root of the file system, system folders and home folders are refused ([ErrProtected]),
//     and so is a folder that is a symbolic link ([ErrNotFolder]). An owner with UID or GID 0 needs
//     [Request.AllowRoot].
//   - The owner is changed before the mode. The kernel clears set-user-ID bits when the owner changes, so
//     a set-user-ID file never belongs to the new owner with that bit set.
//   - The set-group-ID bit of folders stays, as with GNU chmod. Pipes, sockets and links get the owner and
//     keep their mode.
//
// An entry that is right already is not written: a second run changes nothing, copies nothing up on an
// overlay, and touches no change time.
//
// # Systems
//
// On Linux an entry that is right needs one statx(2) call. A wrong one is changed through an open descriptor
// (O_PATH), after it was checked again. Kernels and seccomp profiles without openat2, statx or fchmodat2 are
// supported. Changing owners needs root or the capabilities CHOWN, FOWNER and DAC_READ_SEARCH; changing
// only modes needs the owner.
//
// Other Unix systems refuse the same folders and have a simpler walk relative to an open [os.Root], with one
// thread. Run it there only while nobody else writes to the folder: hard links and devices are changed like other files, mounts are
// crossed, and an entry replaced meanwhile may be changed by mistake. An immutable file is a [Problem] with the
// error of the operating system. No symbolic link is followed there either. On macOS only modes are set, since
// Docker shows every file there as belonging to whoever looks.
//
// On Windows, where files have no numeric owner, Reset counts the entries, changes nothing and returns no
// error for them.
package ownership
