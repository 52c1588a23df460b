// Package verify checks the containers of a Compose project that run: which users their processes are, what those
// may do, and who owns the files that they make.
//
// [Run] takes a project as compose-go loads it, finds its containers by the labels that Compose gives them, and
// returns a [Report]. Levels are those of package nonroot, which checks the same project before it runs;
// both check capabilities by one table.
//
// # How things are seen
//
// Nothing is claimed that was not seen, and each [Finding] names its way ([Way]). The kernel's own word counts most:
// /proc of this machine, if the engine's processes are in it. Then comes a small static program that is copied into
// the container and run there with "docker exec", then the engine. A container may need no shell, no id and no
// writable root.
//
// A container of root is put before the same checks ([Report.Control]). A check that does not fail there is
// reported as broken: a check that passes everything proves nothing.
//
// In the data folder ([nonroot.Conventions]) each service leaves a canary, a file and a folder, and the next service
// renames and removes it. That proves what owners and modes are for.
//
// # What it needs
//
// Run starts no process but the docker command ([Docker]). It needs an image and a file of the program:
//
//	CGO_ENABLED=0 GOOS=linux go build -o im2-verify github.com/im2-audio/im2/internal/helper/im2-helper
//	tar -c im2-verify | docker import --change 'ENTRYPOINT ["/im2-verify"]' - im2/verify:1
//
// Everything that is made has a label in the engine and a name that begins with ".im2-verify-" in folders. It is
// removed at the end, also after an interrupt, or by the next run. Runs for one project wait for one another.
package verify
