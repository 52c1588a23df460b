// Package spool hands jobs from one service to the next through folders that they share. Package job
// describes what is on disk; this one changes it so that it stays true.
//
// # The invariant
//
// A job is one folder, and at any instant that folder is in exactly one stage. Whatever is killed at
// whatever moment, workers, watchers or the machine: no job is lost; none has its results in output/ twice, or
// in part; none stays in a working stage for longer than others need to notice; and once it rests,
// only job.json is left. The model test in this package plays workers and watchers that are killed, stopped and
// started again, power cuts, and disks that fail or lose their answers, at every step, and checks
// these sentences.
//
// They rest on this:
//
//   - The stage is changed by one rename(2) of the folder and by nothing else, on one file
//     system.
//   - Claiming is such a rename, to a name that no other claim ever has. Of any number of workers
//     that try, exactly one succeeds. The name is also the fence: whoever takes the job away
//     renames the folder first, and from then on every path that the worker before has leads
//     nowhere. It cannot hand the job on, save its record or publish its results, however late
//     it notices.
//   - Before a job is handed on, job.json and the names in its folder are on the disk. So it
//     arrives complete, or is back, complete, where it was.
//   - Before anything outside of the folder is changed for a job (its source archived, its stems
//     published), its stage is on the disk, and job.json has the name that the result gets. So
//     nothing else was done for a job that a power cut puts back.
//   - A song whose folder is below those of an artist and an album is put there by one rename, too. Those are made before, and
//     are on the disk by then. Once job.json says where a song goes, all who have the job try that first, whatever they are
//     told by then: one of them may be stopped in the middle.
//   - Nothing else waits for the stage folders. They are put on the disk now and then, once for
//     all renames since: a power cut may put a job back by a stage or two. Renames of one
//     folder are taken to last in their order, which file systems with a journal and file servers
//     give.
//
// There is no lock, no O_EXCL, no file notification, and no clock that two hosts must agree on,
// so this holds on NFS and on the shared folders of a virtual machine, and between containers
// that know nothing of each other. One thing is weaker where a client keeps names in a cache, as
// those of NFS do for up to a minute (nfs(5), acdirmax): a worker on another host that was stopped
// for longer than a lease may still write below the name that its job had, for as long. The server
// refuses its renames all the same, so that it can hand nothing on.
//
// A process that was stopped or cut off while it made a file or folder may make it in the folder that the job has by
// then, also where that rests. Its name is a temporary one that nothing else has, and the process removes it as soon as it finds the
// job gone. So it stays only if the process is killed in between.
//
// Files are deleted by name only, and only those that a service made itself and can make again
// (work/, stems/, progress.json, temporary files) or has just put elsewhere. Everything else in a
// job's folder moves with the job.
//
// Of any number of watchers on one data folder, one works at a time: the one that has the lease of a Watch. So
// one of them has the list of songs that tells which came before, and each job of Incoming is in the hands of one, under
// a claim as in the other working stages. A watcher that lost the lease without knowing can finish no job, and begins none.
//
// # Leases
//
// While a worker has a job it rewrites progress.json every few seconds (lease.Times.Renew). A process that has seen
// the same content for a minute (lease.Times.Lease) takes the job back: it goes where its record says that it was about
// to go, or waits again, with the loss counted. After three attempts that failed it goes to failed, with the
// errors of all of them; and after ten workers that were lost, since it may be what kills them. See Recovery for why a slow or sleeping worker that is taken for lost does
// no harm.
//
// A worker that starts under the name of an earlier one takes that one's jobs back at once, and
// one that is told to stop hands its job back itself, and the attempt does not count.
//
// Cancel takes a job from its worker in the same way, and a job that waits like a worker.
//
// An earlier version had plain IDs in the working stages, and the worker in job.json alone. Such
// jobs are taken back in the same way. The watcher's lease is described at Watch.
package spool
