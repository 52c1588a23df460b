// Package nonroot checks whether any service of a Compose project would run as root, before anything is
// built or started.
//
// [Audit] takes a project as compose-go loads it, and checks what Compose would really build and run: with
// the values that are in force, only the stages that a build needs, the user of the base image, and a
// service's own "user:" on top. What it finds are values; package nonroot/report shows them as text, JSON
// and SARIF. [Rules] returns what is looked for, each with its reason and its source. [Fix] works out changed files
// for findings that have a safe fix.
//
// No engine is needed, no process is started, and nothing is written.
//
// # What may surprise
//
//   - Services of profiles that are not in force are checked, too, and are warnings at most.
//   - A project that keeps the conventions of this module is checked by more rules: see [Conventions]. Without them,
//     rules have another, milder level ([Rule.Elsewhere]).
//   - Users of images that are not built here are known only if [Options.Image] tells. Otherwise the finding is
//     a note: nothing is guessed, except for a few images whose makers document their user.
//   - An empty user is root to Docker. So is "user: ${UID}" where UID is not exported, as in most shells.
//   - A number that an image's passwd file does not have gets group 0, unless a group is given.
//   - Files are read again, for the lines of findings: the Compose files, Dockerfiles and ignore files. A file
//     in [Options.Files] takes the place of the one on disk.
//   - A comment "# im2:ignore=D03 reason" on a finding's line, or the line above, suppresses it.
package nonroot
