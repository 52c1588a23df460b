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
// Before a job is handed on, its files and its folder are on the disk; after the rename, both
// stage folders are. So a crash or a power cut at any point leaves the job in the old stage or
// in the new one, complete, and everything a service does to a job in its hands can be
// repeated. A claim waits for neither stage folder: a power cut may undo it, and then the job
// waits again.
//
// Nothing is deleted but by name, and only what a service made itself and can make again
// (work/, stems/, progress.json, temporary files) or has just put in its place elsewhere.
// Whatever else lies in a job's folder goes with the job.
//
// # Who may touch what
//
// In a waiting stage (pending, separated) nobody changes a job; any worker may claim it. In a
// working stage (incoming, separating, organizing) only its claimer does: the last visit in
// its history names that worker, from the moment the claim is recorded. In a final stage (done, rejected, failed) it rests.
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
// # What a crash leaves
//
// A worker that is killed leaves its job in the working stage; Recovery has the rules. A job
// whose last visit is to that stage and names this worker is taken up at once when the worker
// starts. A job whose last visit is to another stage was caught between the two steps of a
// move; any worker puts it there, once it has seen it unchanged for a minute. So is one whose
// job.json is missing or damaged: it goes to failed, with all it has.
//
// In separating, a job whose last visit names another worker stays: whether that one is lost,
// or busy with a long song, cannot be seen without leases, for which the history already has
// the worker and the attempt of each visit. In organizing nothing takes a minute, so there it
// is put back among those that wait.
package spool
