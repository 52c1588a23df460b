// Package spool hands jobs from one service to the next through folders that they share.
//
// # The invariant
//
// A job is one folder, queue/<stage>/<id>. At any instant it is in exactly one stage, because
// the only thing that ever changes its stage is one rename(2) of that folder from the folder
// of one stage into that of another, on one file system. The folder a job lies in is the
// truth; what job.json says about stages is history.
//
// Claiming is the same rename: of any number of workers that try, exactly one succeeds, and
// for the others the folder is gone and they try the next job. There is no lock, no O_EXCL
// and no file notification, so this holds on NFS and on the shared folders of a virtual
// machine, and between containers that know nothing of each other.
//
// Before a job moves on, its files and its folder are on the disk; after the rename, both
// stage folders are. So a crash or a power cut at any point leaves the job in the old stage or
// in the new one, complete, and everything a service does to a job in its hands can be
// repeated.
//
// # Who may touch what
//
// In a waiting stage (pending, separated) nobody changes a job; any worker may claim it. In a
// working stage (incoming, separating, organizing) only its claimer does: the last visit in
// its history names that worker. In a final stage (done, rejected, failed) it rests.
//
//	queue/incoming/     the watcher is taking a file
//	queue/pending/      waits for separation
//	queue/separating/   one demucs worker has it
//	queue/separated/    the stems are ready
//	queue/organizing/   the organizer has it
//	queue/done/         results are in output/ and archive/; only job.json is left
//	queue/rejected/     the file is in rejected/ with the reason; only job.json is left
//	queue/failed/       given up; job.json and the source are kept for another try
//
// A worker that is killed leaves its job in the working stage. Each service takes up what it
// left there itself; giving jobs of a lost worker to others needs leases, for which the
// history already has the worker and the attempt of each visit.
package spool
