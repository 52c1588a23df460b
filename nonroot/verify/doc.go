// Package verify checks the containers of a Compose project that run: which users their processes are, what those
// may do, and who owns the files that they make.
//
// [Run] takes a project as compose-go loads it, finds its containers by the labels that Compose gives them and other
// containers by their mounts of the data folder, and returns a [Report]. Levels mean what they mean in package nonroot, which checks the same project before it runs;
// both check capabilities by one table.
//
// # Evidence
//
// Each [Finding] names its source ([Way]): /proc of the host when it is visible; else a static program that is copied
// into the container and run there with "docker exec"; else the engine's answer. A container may need no shell, no id
// and no writable root.
//
// The same checks also run on a container that runs as root ([Report.Control]). They must fail there; one that passes
// is reported as broken.
//
// In the data folder ([nonroot.Conventions]) each service creates a test file and folder; the next service renames and
// removes them, which shows that services can work on each other's files.
//
// # What it needs
//
// Run starts no process but the docker command ([Docker]). It needs the program twice: as a file, to
// copy into containers, and as an image, for the container that runs as root:
//
//	CGO_ENABLED=0 GOOS=linux go build -o im2-verify github.com/im2-audio/im2/internal/helper/im2-helper
//	tar -c im2-verify | docker import --change 'ENTRYPOINT ["/im2-verify"]' - im2/verify:1
//
// Everything that is made has a label in the engine and a name that begins with ".im2-verify-" in folders. It is
// removed at the end, also after an interrupt, or by the next run. Runs for one project wait for one another.
package verify
