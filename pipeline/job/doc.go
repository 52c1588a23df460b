// Package job is the contract for a job on disk: folders, names and the record job.json. The services
// (pipeline/spool) and the commands on the host (pipeline/queue, pipeline/separate) share nothing
// else, but that "mage cancel" uses the spool. This package makes no decision that needs a disk; both sides bring their own way to open files.
//
// # What is on disk
//
//	input/                                  people put songs here; ".NAME.im2.json" beside NAME says how to separate it
//	output/<track>/                         stems, track.json, peaks.json and the song's cover; a track is one folder, or
//	                                        <artist>/<album>/<title>
//	archive/                                originals of separated songs
//	rejected/                               refused files, each with a text that says why
//	queue/watcher/<worker>.<token>          which watcher takes files; "free" while none does
//	queue/incoming/<id>.<worker>.<token>    the watcher is taking a file
//	queue/pending/<id>                      waits for separation
//	queue/separating/<id>.<worker>.<token>  one demucs worker has it
//	queue/separated/<id>                    the stems are ready
//	queue/organizing/<id>.<worker>.<token>  one organizer has it
//	queue/done/<id>                         results are in output/ and archive/; only job.json is left
//	queue/rejected/<id>                     the file is in rejected/; only job.json is left
//	queue/failed/<id>                       given up; job.json and what the job had are kept
//
// A job is one folder, and is in exactly one stage at any time. The folder decides: what job.json
// says about stages is history, and may be one step ahead of the folder.
//
// # Who writes what
//
// The watcher writes in incoming, a worker in the folder that it has claimed. Nobody changes a
// waiting job (pending, separated); any worker may claim it, by renaming its folder. In a final stage
// (done, rejected, failed) a job rests; only "mage retry" moves one, from failed. "mage cancel" claims a job, or takes
// it from its worker, by the rules of package spool. The commands on the host write nothing else in queue/, and
// nothing in output/ and archive/.
//
// Files that are not part of this contract (.DS_Store, lost+found) are ignored and move with the job.
//
// # What survives a crash
//
// job.json is replaced as a whole and is on the disk before the folder is renamed, so a job
// is complete wherever it is found. After a power cut it may be back by a stage or two.
// progress.json, work/ and names that begin with ".tmp-" are not needed after a crash.
//
// # What readers must not trust
//
// Every container that has the data folder can write anything there. Read files with Read, which
// refuses what is no regular file or is too long; use Track only through SongFolder, and the
// names of stems only through AudioFiles.
package job
